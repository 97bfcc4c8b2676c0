### O portão e suas verificações.

gate-title = O portão antes do DNS
gate-open = O DNS pode ser virado.
gate-shut = O DNS ainda não pode ser virado.
gate-looked = Avaliado
gate-evaluate = Reavaliar
gate-approve = Aprovar o portão
gate-reject = Recusar ou revogar
gate-accept = Li e aceito estes avisos
gate-decisions = Decisões
decision-void = não vale mais:
check-critical = bloqueia a virada
check-boxes = { $count ->
     [one] { $count } caixa
    *[other] { $count } caixas
  }
check-todo = O que fazer:
more-boxes = { $count ->
     [one] e mais { $count } caixa
    *[other] e mais { $count } caixas
  }
mailbox-number = Caixa { $id }
check-count-ratio = Mensagens no destino
check-do-count-ratio = Execute uma cópia de diferenças. O que continuar faltando está em cada caixa: repita os erros ou resolva a quarentena.
check-inbox-complete = Caixas de entrada completas
check-do-inbox-complete = Abra as caixas indicadas e copie a entrada até não faltar nada.
check-sent-complete = Enviados completos
check-do-sent-complete = Copie a pasta de enviados até não faltar nada; se tiver outro nome, mapeie-a.
check-pst-quarantine = Mensagens em quarentena resolvidas
check-do-pst-quarantine = Abra a quarentena: repita, repare ou reconheça cada mensagem com um motivo.
check-delta-pending = A última cópia de diferenças não deixou nada
check-do-delta-pending = Execute uma cópia de diferenças pouco antes da virada.
check-manual-approval = Aprovado por uma segunda pessoa
check-do-manual-approval = Um líder de operações que não criou a migração aprova abaixo.
check-bytes-ratio = Os tamanhos batem
check-do-bytes-ratio = Compare as pastas das caixas indicadas; uma verificação lê os conteúdos.
check-content-sample = Uma amostra de conteúdos é igual
check-do-content-sample = Inicie uma verificação. Se os conteúdos diferirem, abra a caixa e leia a execução.
check-uidvalidity-stable = Identidades das pastas estáveis
check-do-uidvalidity-stable = Um servidor renumerou uma pasta. Execute uma cópia de diferenças, que a reposiciona.
check-dest-quota = Espaço no destino
check-do-dest-quota = Aumente a cota das caixas indicadas ou libere espaço.
check-mailbox-coverage = Nenhuma caixa esquecida
check-do-mailbox-coverage = Compare a lista da origem com esta migração; adicione o que falta ou exclua com um motivo. Dê cada arquivo enviado a uma caixa, ou remova-o.
check-folder-map = Toda pasta tem um lugar
check-do-folder-map = Abra as caixas indicadas e resolva as pastas em conflito.
check-credentials-valid = Os logins funcionam
check-do-credentials-valid = Digite de novo as senhas que falham e inicie a verificação prévia.
check-dns-readiness = O DNS está preparado
check-do-dns-readiness = Reduza o TTL e confira MX, SPF, DKIM e DMARC antes da virada.
check-duplicates = Sem duplicatas no destino
check-do-duplicates = Abra as caixas indicadas; as duplicatas estão no registro da execução, por UID.
check-run-integrity = As contas de toda execução fecham
check-do-run-integrity = Execute uma cópia de diferenças; uma execução cujas contas não fecham nunca é sucesso.
gate-past = O DNS foi virado: o que o portão vê agora fica como registro.
