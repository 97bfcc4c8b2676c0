### Acesso, auditoria, sistema, ajuda.

share-lead = Quem tem o link vê o andamento da migração: fase, parcela e contagens do todo. Nenhum endereço, pasta ou mensagem. Termina na data, com a migração, ou quando todas as chaves são trocadas.
share-days = Dias de validade
share-go = Criar um link
share-made = O link foi criado: copie agora
share-until = Este link vale até
share-updated = Última mudança:
approvals-lead = Um portão abre quando toda verificação passa ou o aviso é aceito, e uma segunda pessoa confirma.
approvals-waiting = Esperando aprovação
approvals-none = Nenhum portão espera.
approvals-asked = Pedidas
approvals-open = Portões abertos
approvals-open-none = Nenhum portão está aberto.
approvals-blocked = { $count ->
     [one] Mais { $count } está bloqueado.
    *[other] Mais { $count } estão bloqueados.
  }
job-number = Migração { $id }
users-title = Pessoas
user-roles = Papéis
user-sees = Clientes
user-all = todos
user-all-tick = Vê todos os clientes
user-factor = configurado
user-no-factor = falta
user-enabled = Pode entrar
user-disabled = Não pode entrar
user-enable = Permitir
user-disable = Bloquear
user-new = Nova pessoa
user-email = E-mail
user-tenants = Clientes visíveis
user-tenants-hint = Números, separados por vírgulas.
user-make = Criar o usuário
tokens-title = Tokens de serviço
tokens-none = Nenhum token ainda.
token-new = Novo token
token-scopes = O que pode fazer
token-days = Dias de validade
token-make = Criar o token
token-made = O token foi criado
token-once = Copie agora: é mostrado só desta vez.
token-until = até
token-used = usado
token-revoked = revogado
token-revoke = Revogar
audit-verify = Verificar a cadeia
audit-whole = A cadeia está íntegra: { $rows } linhas, { $checkpoints } pontos assinados.
audit-broken = A cadeia não confere. Mantenha a máquina como está e avise o responsável.
audit-none = Nenhuma linha corresponde.
audit-seq = Linha
audit-actor = Quem
audit-action = O que foi feito
audit-kind = Tipo de objeto
audit-id = Seu número
audit-what = A quê
audit-outcome = Resultado
system-health = Saúde
system-database = Banco de dados
system-well = responde
system-ill = não responde
system-version = Versão
worker-done = { $count ->
     [one] { $count } execução feita
    *[other] { $count } execuções feitas
  }
endpoints-title = Servidores
endpoints-none = Nenhum servidor conhecido ainda. A primeira migração traz os seus.
endpoint-new = Adicionar um servidor
endpoint-test = Testar
endpoint-tested = Testado
endpoint-private = em redes privadas:
endpoint-networks = Redes privadas em que pode estar
endpoint-networks-hint = Por exemplo 10.1.0.0/16. Vazio: só endereços públicos.
endpoint-tenant-hint = De quem é; vazio: de todos.
quota-title = Limites diários
quota-day = Leitura por caixa e dia
quota-waiting = Esperando
settings-title = Configurações
keys-title = Chaves
keys-lead = Uma nova chave mestra envolve todas as chaves de dados. As senhas continuam utilizáveis.
keys-deep = Selar também cada senha de novo
keys-rotate = Trocar as chaves
help-lead = O que significam as palavras deste console e o que fazer a seguir.
help-checks = Verificações do portão
help-buckets = Onde uma mensagem pode estar
