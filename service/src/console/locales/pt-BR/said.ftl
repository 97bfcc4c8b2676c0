### O que as verificações do portão dizem, com seus números.

said-approved = Aprovado.
said-balanced = As contagens fecham.
said-bytes = { $here } octetos na origem, { $there } no destino.
said-complete = Nada falta { $inbox ->
     [1] na caixa de entrada
    *[other] nos enviados
  }.
said-decided = Todos os endereços foram decididos.
said-delta = Última cópia delta há { $hours ->
     [0] { $minutes } min
    *[other] { $hours } h
  }, { $pending } pendentes.
said-delta-ahead = A última cópia delta está no futuro: um relógio está errado.
said-delta-failed = A última cópia delta falhou há { $hours ->
     [0] { $minutes } min
    *[other] { $hours } h
  }, { $pending } pendentes.
said-delta-none = Nenhuma cópia delta terminou ainda.
said-delta-parked = Última cópia delta há { $hours ->
     [0] { $minutes } min
    *[other] { $hours } h
  }, parada pelo limite diário do provedor, { $pending } pendentes.
said-delta-partial = Última cópia delta há { $hours ->
     [0] { $minutes } min
    *[other] { $hours } h
  }, com itens sem explicação, { $pending } pendentes.
said-dns-fails = { $count ->
     [one] { $count } verificação do domínio falha
    *[other] { $count } verificações do domínio falham
  }.
said-dns-ready = Todas as verificações do domínio passam.
said-dns-warns = { $count ->
     [one] { $count } verificação do domínio avisa
    *[other] { $count } verificações do domínio avisam
  }.
said-duplicates = { $count ->
     [one] { $count } mensagem em dobro no destino
    *[other] { $count } mensagens em dobro no destino
  }.
said-files-waiting = { $count ->
     [one] { $count } arquivo enviado ainda não é de nenhuma caixa
    *[other] { $count } arquivos enviados ainda não são de nenhuma caixa
  }.
said-folder-unbalanced = As contagens de uma pasta não fecham.
said-folders-clash = { $clashes ->
     [one] { $clashes } pasta em conflito
    *[other] { $clashes } pastas em conflito
  }.
said-folders-renamed = Pastas com outro nome: { $renamed }; pastas que dividem um lugar: { $merged }.
said-folders-same = Cada pasta mantém seu nome.
said-homeless = { $count ->
     [one] { $count } caixa sem destino
    *[other] { $count } caixas sem destino
  }.
said-inventory-none = Nenhum inventário é pedido.
said-inventory-unknown = O inventário da origem não é conhecido.
said-ledger-damaged = O registro da cópia está danificado.
said-ledger-unknown = O registro da cópia não foi verificado.
said-login-ahead = O último acesso está no futuro: um relógio está errado.
said-login-missing = Ainda não houve acesso aos dois lados.
said-login-refused = Um acesso é recusado.
said-logins = Último acesso aos dois lados há { $hours ->
     [0] { $minutes } min
    *[other] { $hours } h
  }.
said-missing = { $missing ->
     [one] Falta { $missing } mensagem
    *[other] Faltam { $missing } mensagens
  } { $inbox ->
     [1] na caixa de entrada
    *[other] nos enviados
  }; { $open } sem reconhecimento.
said-missing-acknowledged = { $missing ->
     [one] Falta { $missing } mensagem, reconhecida,
    *[other] Faltam { $missing } mensagens, todas reconhecidas,
  } { $inbox ->
     [1] na caixa de entrada
    *[other] nos enviados
  }.
said-no-mailbox = Nenhuma caixa está ativa.
said-no-meaning = Não se aplica aqui.
said-not-measured = Não foi medido.
said-not-scanned = { $inbox ->
     [1] A caixa de entrada não foi contada
    *[other] Os enviados não foram contados
  }.
said-nothing = Nada a verificar.
said-outdated = O que é copiado, ou para onde, foi alterado desde então. Execute uma cópia delta.
said-quarantine-none = Nada está em quarentena.
said-quarantine-open = { $open ->
     [one] { $open } item, não reconhecido
    *[other] { $open } itens, nenhum reconhecido
  }.
said-quarantine-partly = Itens abertos: { $open }; reconhecidos: { $acknowledged }.
said-quarantine-settled = { $acknowledged ->
     [one] { $acknowledged } item, reconhecido
    *[other] { $acknowledged } itens, todos reconhecidos
  }.
said-quota = { $free } de { $limit } octetos livres, { $pending } por vir.
said-ratio = { $matched } de { $eligible } mensagens ({ $percent }).
said-ratio-low = { $matched } de { $eligible } mensagens ao todo ({ $percent }), abaixo de { $least }%.
said-rejected = Recusado.
said-revoked = Revogado.
said-runs-active = { $count ->
     [one] { $count } execução em andamento
    *[other] { $count } execuções em andamento
  }.
said-sample = { $compared ->
     [one] { $compared } mensagem comparada, igual
    *[other] { $compared } mensagens comparadas, todas iguais
  }.
said-sample-differs = { $different } de { $compared } mensagens diferem.
said-sample-rewritten = { $rewritten } de { $compared } mensagens diferem só em cabeçalhos reescritos.
said-sample-small = { $compared ->
     [one] Só { $compared } mensagem foi comparada
    *[other] Só { $compared } mensagens foram comparadas
  }.
said-sent-elsewhere = Nenhuma pasta tem o papel de enviados, embora haja mensagens enviadas.
said-sent-none = Não há mensagens enviadas na origem.
said-uids-again = Mudaram, e as mensagens foram reencontradas pelo conteúdo.
said-uids-lost = Mudaram, e as mensagens não foram reencontradas.
said-uids-stable = Inalteradas desde a cópia inicial.
said-unbalanced = As contagens não fecham: o que falta não é a soma de pendentes e quarentena.
said-undecided = { $count ->
     [one] { $count } endereço por decidir
    *[other] { $count } endereços por decidir
  }.
said-unknown = Nem toda pasta foi contada.
said-void-added = A aprovação perdeu a validade: a caixa { $mailbox } foi acrescentada.
said-void-before = A aprovação perdeu a validade: aquilo para que foi dada deixou de valer entretanto.
said-void-check = A aprovação perdeu a validade: uma verificação passou a falhar.
said-void-dns = A aprovação perdeu a validade: o plano de DNS é outro.
said-void-dropped = A aprovação perdeu a validade: a origem tem mais de um por cento a menos, ou não é conhecida.
said-void-expired = A aprovação perdeu a validade: passaram 72 horas.
said-void-folders = A aprovação perdeu a validade: o mapa de pastas é outro.
said-waiting = À espera de quem chefia a operação.
said-worker-died = Um trabalhador morreu desde a última contagem.
said-in-all = Todas as { $all } caixas: { $what }
said-in-some = { $alike } de { $all } caixas, por exemplo: { $what }
