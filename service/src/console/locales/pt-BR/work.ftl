### Caixas, execuções, quarentena, uploads.

