### Visão geral, lista, uma migração.

overview-title = Visão geral
new-job = Nova migração
guide-title = Sua primeira migração
guide-lead = Nada foi movido ainda. Quatro passos, e nada é gravado em servidor algum antes de você ver a prévia.
guide-1 = Informe o domínio.
guide-1-more = O Malote procura o servidor de correio sozinho.
guide-2 = Informe os dois servidores e as caixas.
guide-2-more = Cole uma lista, ou envie arquivos do Outlook.
guide-3 = Inicie a verificação prévia.
guide-3-more = Cada login é testado; cada erro diz o que fazer.
guide-4 = Veja a prévia e copie.
guide-4-more = Pastas, contagens e lugares, exatamente como serão.
guide-go = Começar a primeira migração
guide-no-right = Você pode olhar, mas não começar. Peça a um operador.
tile-open = Migrações abertas
tile-open-more = Ver todas
tile-messages = Mensagens, 24 h
tile-bytes = Copiados, 24 h
tile-week = 7 dias:
tile-quarantine = Em quarentena
tile-quarantine-more = mensagens abertas
tile-quarantine-see = Resolver
tile-active = Execuções em andamento
tile-rate = Velocidade
tile-eta = faltam cerca de { $span }
tile-eta-none = nada em andamento
waiting-title = Esperando por alguém
waiting-none = Nada espera.
waiting-failed = falhou: leia por quê.
waiting-quarantine = { $count ->
     [one] tem { $count } mensagem em quarentena.
    *[other] tem { $count } mensagens em quarentena.
  }
waiting-approval = espera uma aprovação.
waiting-mailboxes = ainda não tem caixas.
waiting-paused = está pausada.
waiting-more = { $count ->
     [one] e mais { $count }
    *[other] e mais { $count }
  }
gates-title = Portões
boxes-title = Caixas
recent-title = Últimas ativas
recent-all = Todas as migrações
workers-title = Trabalhadores
workers-none = Nenhum trabalhador em execução: nada será copiado. Inicie o serviço com trabalhadores, ou um ao lado (malote worker).
worker-line = { $now } de { $capacity } ocupados
worker-lost = sem notícias
chart-funnel = Migrações por fase
chart-errors = Erros por classe, 24 h
chart-throughput = Copiado ao longo do tempo
chart-progress = Parcela no destino
chart-run-bytes = Octetos de cada execução
chart-gates = O que o portão foi
jobs-title = Migrações
jobs-count = { $count ->
     [one] { $count } migração
    *[other] { $count } migrações
  }
jobs-none = Nenhuma migração ainda.
jobs-none-found = Nenhuma migração corresponde a estes filtros.
tenant = Cliente { $id }
ticket = chamado { $id }
col-domain = Domínio
col-phase = Fase
col-gate = Portão
col-progress = Progresso
col-messages = Mensagens
col-mailboxes = Caixas
col-quarantine = Quarentena
col-owner = Responsável
col-activity = Última mudança
col-ticket = Chamado
col-status = Situação
col-email = Caixa
col-eligible = Elegíveis
col-missing = Faltando
col-bytes = Tamanho
col-last-scan = Contada
job-nav = Esta migração
tab-job = Visão geral
tab-runs = Execuções
tab-quarantine = Quarentena
tab-uploads = Uploads
tab-share = Link do cliente
tab-report = Relatório
stepper = Fases
step-done = feito:
step-stopped = parou aqui:
next-step = A seguir:
of-messages = { $done } de { $all } mensagens
job-failed-why = Falhou:
job-paused-why = Pausada:
confirm-domain = Para confirmar, digite { $domain }
act-preflight = Iniciar verificação prévia
act-preflight-more = Testa cada login; não grava nada.
act-scan = Contar e prever
act-scan-more = Conta pastas e mensagens e mostra o que a cópia faria; não grava nada.
act-initial = Iniciar cópia inicial
act-initial-more = Copia tudo; a origem é apenas lida.
act-delta = Copiar diferenças
act-delta-more = Copia o que chegou ou mudou desde a última execução.
act-retry-errors = Repetir erros
act-retry-errors-more = Só caixas com erros ou quarentena.
act-verify = Verificar
act-verify-more = Conta os dois lados e compara uma amostra de conteúdos.
act-final = Iniciar cópia final
act-final-more = Busca o que ainda chegou ao servidor antigo. Antes da virada do DNS precisa de confirmação.
act-pause = Pausar
act-pause-more = Nada novo começa; o que está em andamento volta à fila.
act-resume = Retomar
act-resume-more = Continua de onde parou.
act-cancel = Cancelar execuções
act-cancel-more = Encerra as execuções. O que foi copiado fica.
act-fail = Marcar como falha
act-fail-more = Encerra as execuções e guarda tudo; um líder de operações pode trazê-la de volta.
act-retry = Trazer de volta
act-retry-more = Volta à fase anterior à falha.
act-close = Encerrar
act-close-more = Destrói chaves, senhas e uploads. Contagens, registros e o certificado ficam.
mailboxes-add = Adicionar caixas
mailboxes-none-found = Nenhuma caixa corresponde a estes filtros.
mailboxes-none = Nenhuma caixa ainda. Adicione uma a uma ou em lista.
excluded = excluída
timeline-title = Linha do tempo
job-facts = Sobre esta migração
fact-tenant = Cliente
fact-source = Origem
fact-destination = Destino
fact-made = Registrada
fact-notes = Notas
recent-all-runs = Todas as execuções
views-title = Visões salvas
views-all = Todas
views-manage = Salvar ou mudar visões
view-keep = Salvar o que é mostrado como visão
view-keep-hint = Quem abrir o endereço vê os mesmos filtros. Um nome que já existe é substituído.
view-begin-tick = Começar esta lista por ela
view-begin = Começar por ela
view-not-begin = Não começar mais por ela
view-begins = a lista começa por ela
view-remove = Remover
done-view-kept = A visão foi salva.
done-view-removed = A visão foi removida.
waiting-errors = { $count ->
     [one] tem { $count } caixa com erros.
    *[other] tem { $count } caixas com erros.
  }
waiting-consent = espera um consentimento.
next-runs-title = Próximas execuções da agenda
next-runs-none = Nenhuma agenda dispara.
worker = Trabalhador
disk-free = Livre no disco:
disk-low = pouco: uploads serão recusados em breve
throttled-now = { $count ->
     [0] Nenhuma caixa espera o limite diário do provedor.
     [one] { $count } caixa espera o limite diário do provedor.
    *[other] { $count } caixas esperam o limite diário do provedor.
  }
phase-step = { $step } de { $all }
col-last-run = Última cópia
boxes-count = { $count ->
     [one] { $count } caixa
    *[other] { $count } caixas
  }
