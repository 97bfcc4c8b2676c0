### Acesso, auditoria, sistema, ajuda.

