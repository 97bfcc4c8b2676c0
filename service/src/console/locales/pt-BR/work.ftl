### Caixas, execuções, quarentena, uploads.

wizard-1 = Domínio
wizard-2 = Servidores
wizard-3 = Caixas
wizard-4 = Opções
wizard-5 = Verificação e prévia
new-domain = Domínio
new-domain-hint = Como nos endereços, por exemplo exemplo.com.br.
new-tenant = Cliente
new-tenant-hint = O número do cliente.
new-ticket = Chamado
new-ticket-hint = O número do chamado.
new-look = Procurar o servidor de correio
new-look-hint = Nada é gravado; os lugares usuais do domínio são consultados.
servers-title = Os dois servidores
found-lead = Encontrado; o primeiro está preenchido. Corrija se souber melhor.
found-none = Nenhum servidor foi encontrado. Digite o que o cliente informar.
side-source = Origem
side-source-hint = É apenas lida.
side-dest = Destino
side-dest-hint = O correio é apenas adicionado; nada é removido.
side-label = Como chamam a origem
side-label-hint = Por exemplo, "servidor antigo do escritório".
server-known = Um servidor conhecido
server-named-below = Informado abaixo
server-host = Host
server-host-hint = Um nome ou um endereço.
server-port = Porta
server-tls = Criptografia
server-more = Família e certificado
server-profile = Família de servidores
server-profile-auto = Reconhecida no primeiro login
server-pin = Certificado
server-pin-hint = sha256:… do único certificado aceito, quando não é público.
servers-go = Registrar a migração
servers-go-hint = Nada é gravado em servidor algum. Você pode continuar depois.
mailboxes-lead = Adicione caixas uma a uma, em lista, ou ambas. Continue quando quiser: o que foi adicionado fica.
mailboxes-done = { $count ->
     [one] Ir para a verificação ({ $count } caixa)
    *[other] Ir para a verificação ({ $count } caixas)
  }
mailboxes-one = Uma caixa
mailboxes-one-go = Testar os dois logins e adicionar
mailboxes-email-hint = O endereço, o mesmo nos dois servidores, salvo indicação abaixo.
mailboxes-secret = As senhas vão para o cofre, criptografadas, e nunca mais são mostradas.
login-user = Nome de login
login-user-hint = O endereço, se nada for dito.
mailboxes-list = Uma lista
mailboxes-list-lead = CSV com linha de cabeçalho, separado por vírgulas ou ponto e vírgula. Cada linha é examinada antes de a primeira ser aceita.
mailboxes-files = Arquivos do Outlook e outros são enviados aqui.
list-file = De um arquivo
list-paste = Ou cole aqui
list-look = Examinar
list-take = { $count ->
     [one] Aceitar { $count } linha
    *[other] Aceitar as { $count } linhas
  }
list-looked = { $rows } linhas lidas, { $valid } podem ser aceitas.
list-line = Linha { $row }
uploads-not-there = Esta instalação ainda não recebe uploads.
uploads-none = Nenhum arquivo ainda. Envie um abaixo; o tipo é descoberto pelo conteúdo.
upload-file = Arquivo
upload-kind = Tipo
upload-received = Recebido
upload-extract = Ler por inteiro
upload-map = Dar à caixa
upload-remove = Remover
upload-new = Enviar um arquivo
upload-lead = PST, OST, mbox, EML, ZIP ou TGZ. Arquivos grandes vão em partes e continuam depois de uma queda; sem script, em um só formulário.
upload-for = Para qual caixa
upload-no-box = Um arquivo precisa de uma caixa de destino.
upload-digest = SHA-256 do arquivo
upload-digest-hint = Se você o tiver, o que chega é comparado.
upload-start = Ler por inteiro agora e mostrar o que contém
upload-go = Enviar
mailbox-trouble = A última execução encontrou um erro:
mailbox-trouble-next = Corrija a causa e tente de novo: logins abaixo, pastas no mapa, o resto no registro da execução.
pending-count = { $count } pendentes
mailbox-preflight = Testar os logins
mailbox-copy = Copiar agora
folders-title = Pastas
folders-lead = Cada mensagem elegível está em exatamente uma coluna.
folders-none = Ainda não contada. "Contar e prever" lista cada pasta e para onde irá.
folder-source = Na origem
folder-dest = No destino
folder-gone = sumiu
folder-renamed = renomeada
chart-folders = Mensagens por pasta
logins-title = Logins
login-ok = comprovado
login-untested = ainda não testado
login-none = ainda sem senha
password-source = Nova senha na origem
password-dest = Nova senha no destino
map-title = Mapa de pastas
map-label = Pastas que vão para outro lugar
map-hint = Uma linha por pasta: pasta na origem = pasta no destino.
box-change = Esta caixa
box-enabled = É migrada
box-excluded = Por que não, se não for
box-source-user = Nome de login na origem
box-dest-user = Nome de login no destino
runs-none = Nenhuma execução ainda.
run-kind = Tipo
run-number = Execução { $id }
run-asked = Pedida
run-began = Começou
run-ended = Terminou
run-cancel = Cancelar esta execução
steps-title = Passos
steps-none = Nenhum passo começou.
step-name = Passo
log-title = Registro
log-file = Em arquivo
log-level = Nível
log-cut = As últimas 200 linhas; o arquivo tem todas.
log-none = Nenhuma linha corresponde.
quarantine-lead = Estas mensagens não puderam ser levadas. Os originais estão intactos na origem. Tente de novo ou reconheça que ficam para trás: quem reconhece não pode aprovar o portão.
quarantine-none = Nada em quarentena.
quarantine-none-found = Nenhuma mensagem corresponde a estes filtros.
tick = Marcar
tick-all = Marcar todas
item-where = Onde
item-why = Por quê
item-since = Desde
item-number = Mensagem { $id }
item-raw = Em arquivo
item-again-title = Tentar de novo
item-again-lead = O que está marcado é tentado em nova execução: como está, com o menor reparo que o destino aceite, ou com um aviso no lugar da parte ilegível.
item-again = Como está
item-repair = Com reparo
item-stub = Com aviso do que falta
item-ack-title = Reconhecer
item-ack-lead = O que está marcado fica para trás, com seu nome e este motivo no relatório.
item-ack = Reconhecer o que está marcado
reason-spam = Spam
reason-customer = O cliente concordou
reason-broken = Danificada na origem
report-none = Ainda não há o que relatar, ou esta instalação não fornece relatórios.
report-json = O documento (JSON)
report-good = As contagens abaixo são aquelas com que o portão foi aberto.
report-open = A migração não terminou: estas contagens são as deste momento.
report-digest = Resumo criptográfico:
tab-folders = Mapa de pastas
places-lead = Para onde vai cada pasta, e por quê. Nada é gravado antes de uma cópia começar.
places-none = Nenhuma pasta foi contada ainda. Contar não grava nada.
places-wrong = { $count ->
     [one] { $count } pasta não tem lugar próprio: resolva antes da cópia.
    *[other] { $count } pastas não têm lugar próprio: resolva antes da cópia.
  }
places-right = { $count ->
     [one] { $count } pasta tem seu lugar.
    *[other] Todas as { $count } pastas têm seu lugar.
  }
places-change = Mudar
places-nowhere = nenhum lugar
places-shared = dividido com outra pasta
place-renamed = renomeada: o destino não aceita este nome, ou foi mapeada
place-role = pelo uso especial
place-name = pelo nome
item-reason-too-large = Grande demais para o destino
item-reason-refused = Recusada pelo destino
item-reason-unreadable = Não pode ser lida na origem
upload-sending = Enviando o arquivo
upload-of = de
upload-broken = A conexão caiu. O envio continua sozinho assim que o serviço responder.
upload-same = Parte deste arquivo já chegou. Escolha o mesmo arquivo para continuar:
upload-other = Este não é o arquivo começado: ele será enviado do início.
upload-elsewhere = O envio começado era para outra caixa ou com outro SHA-256: o arquivo será enviado do início.
upload-checking = Tudo chegou. O serviço está conferindo.
upload-no-file = Escolha um arquivo primeiro.
upload-cancel = Cancelar o envio
upload-refused-why = Foi recusado:
upload-blind = Não é possível olhar dentro do arquivo:
upload-damage = Uma parte não pode ser lida; o que se lê é levado, o resto aparece na quarentena:
upload-folder = Pasta do arquivo
upload-read = Leitura
upload-not-read = ainda não
file-kind-pst = Arquivo do Outlook (PST)
file-kind-mbox = Arquivo mbox
file-kind-eml = Uma mensagem (EML)
file-kind-zip = Mensagens em um ZIP
file-kind-tgz = Arquivo do Zimbra (TGZ)
step-running = Em andamento
step-completed = Pronto
step-failed = Incompleto
step-pending = Aguarda
step-skipped = Deixada de lado
step-cancelled = Cancelada
upload-holds = { $messages ->
     [one] { $messages } mensagem
    *[other] { $messages } mensagens
  } em { $folders ->
     [one] { $folders } pasta.
    *[other] { $folders } pastas.
  }
tab-schedule = Agenda
schedule-lead = Deltas que começam sozinhas, para que sobre pouco a copiar no dia da virada.
schedule-now = Como está
schedule-next = As próximas vezes
schedule-still = Está guardada e não dispara.
schedule-none = Sem agenda: as deltas são iniciadas à mão.
schedule-remove = Remover a agenda
schedule-past = Até agora
schedule-set = Definir
schedule-rhythm = Com que frequência
schedule-own = Padrão próprio
schedule-own-hint = Minuto, hora, dia, mês, dia da semana, como no cron. Vale quando "um padrão próprio" está escolhido.
schedule-window = Só dentro destas horas
schedule-window-hint = Vazio: a qualquer hora. Pode passar da meia-noite.
schedule-from = De
schedule-to = Até
schedule-skip = Pular a vez em que a migração já está trabalhando
schedule-on = Ela dispara
schedule-zone = As horas contam no fuso desta página:
schedule-hours = das { $from } às { $to }
rhythm-hourly = A cada hora
rhythm-six-hours = A cada seis horas
rhythm-evening = Toda noite às 22:00
rhythm-night = Toda madrugada às 02:00
rhythm-workdays = Nos dias úteis às 20:00
rhythm-own = Um padrão próprio
done-schedule-kept = A agenda foi guardada.
done-schedule-removed = A agenda foi removida: as deltas são iniciadas à mão.
schedule-runs = { $count ->
     [one] { $count } execução iniciada
    *[other] { $count } execuções iniciadas
  }
options-title = Opções
options-lead = O correio continua chegando ao servidor antigo enquanto a mudança é preparada. Uma agenda o busca sozinha, depois da cópia inicial.
options-seen = O que isto significa
options-looking = Calculando…
options-look = Mostrar os próximos horários
options-keep = Guardar e continuar
options-in-zone = Os horários estão no fuso desta página:
options-when = Um horário antes do fim da cópia inicial passa sem execução.
options-wrong = Esta agenda ainda não pode ser guardada.
options-no-right = Quem pode gerir agendas define uma aqui ou depois, na migração. Siga para a verificação prévia.
rhythm-by-hand = Nenhuma: as diferenças são copiadas à mão
cron-line = { $days }, { $times }
cron-every-day = todo dia
cron-workdays = em dias úteis
cron-weekends = nos fins de semana
cron-on = em { $days }
cron-on-days = nos dias { $days } do mês
cron-at = às { $times }
cron-every-minutes = { $count ->
     [one] a cada minuto
    *[other] a cada { $count } minutos
  }
cron-every-hours = { $count ->
     [one] a cada hora
    *[other] a cada { $count } horas
  }
weekday-0 = domingo
weekday-1 = segunda-feira
weekday-2 = terça-feira
weekday-3 = quarta-feira
weekday-4 = quinta-feira
weekday-5 = sexta-feira
weekday-6 = sábado
mailboxes-to-options = { $count ->
     [one] Seguir para as opções ({ $count } caixa)
    *[other] Seguir para as opções ({ $count } caixas)
  }
mailboxes-one-anyway = Adicionar sem testar
trial-go-source = Testar o login na origem
trial-go-dest = Testar o login no destino
trial-busy = Testando o login…
trial-broken = O serviço não responde. Tente de novo em instantes.
trial-ok = O login funciona.
trial-untried = Não testado: nenhuma senha foi digitada.
trial-not-added = A caixa não foi adicionada: um login não funciona. Corrija-o abaixo e digite as duas senhas de novo, ou adicione assim mesmo.
trial-nothing-kept = O login foi testado e nada foi guardado. Digite as senhas de novo para adicionar a caixa.
done-schedule-still = Nenhuma cópia de diferenças começa sozinha.
run-span = durou { $span }
troubles-title = Erros das últimas execuções
troubles-count = { $count ->
     [one] { $count } vez
    *[other] { $count } vezes
  }
files-title = Arquivos
files-none = Nenhum arquivo pertence a esta caixa.
runs-views = Como as execuções são mostradas
runs-tree = Em árvore
runs-list = Em lista
run-span-so-far = { $span } até agora
tree-runs = { $count ->
     [one] { $count } execução
    *[other] { $count } execuções
  }
tree-messages-done = { $count ->
     [one] { $count } mensagem
    *[other] { $count } mensagens
  }
tree-asked = Pedido: { $who }
tree-messages = { $done } de { $total } mensagens
tree-open = { $count ->
     [one] Mostrar { $count } execução
    *[other] Mostrar { $count } execuções
  }
tree-first = Voltar às primeiras execuções
tree-more-runs = Mais execuções desta rodada
tree-older = Rodadas anteriores
tree-none-so = Não há execução assim nesta rodada.
tree-none-found = Nenhuma execução com esses filtros.
tree-step = Pasta ou etapa
tree-span = Tempo
tree-log = Registro da execução
tree-all-steps = Todas as { $count } etapas e o registro
rhythm-of-job = Como a migração
own-schedule-title = Agenda desta caixa
own-schedule-lead = Uma caixa segue a agenda da migração, a não ser que tenha a sua própria ou fique a cargo de pessoas.
own-schedule-of-job = A agenda da migração
own-schedule-own = agenda própria
own-schedule-job = agenda da migração
own-schedule-by-hand = Nenhuma agenda inicia esta caixa: as deltas são iniciadas à mão.
own-schedule-next = Próxima:
own-schedule-change = Mudar para esta caixa
chart-waits = Esperas pedidas por um servidor, últimas 24 horas
waits-in-all = { $count ->
     [one] { $count } execução esperou { $span } ao todo, somando as pastas.
    *[other] { $count } execuções esperaram { $span } ao todo, somando as pastas.
  }
waits-none = Nenhum servidor pediu que uma execução desta caixa esperasse.
subjects-show = Mostrar os assuntos
subjects-hint = Pergunta quem você é e fica na auditoria.
subjects-shown = Os assuntos desta página estão à vista; isso ficou na auditoria.
subjects-hide = Ocultar
subjects-hidden = Os assuntos ficam ocultos: vê-los exige o direito de olhar mensagens.
subject-unknown = assunto desconhecido
schedule-apart = { $count ->
     [one] { $count } caixa tem agenda própria e segue só essa.
    *[other] { $count } caixas têm agenda própria e seguem só essa.
  }
