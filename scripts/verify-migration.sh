#!/bin/sh
# Asks a running installation, from outside, whether a domain's DNS may be changed, and whether its numbers hold.
# Changes nothing. Whatever it cannot prove is a no.
#
#   MALOTE_URL=https://malote.example.net MALOTE_TOKEN_FILE=token scripts/verify-migration.sh exemplo.com.br
#
# The token needs the scopes gate:read and jobs:read (`malote admin token add`). Needs curl and jq.
# Exit status: 0 the gate is open and every number holds; 1 something does not hold; 2 wrong usage; 3 the gate is shut.
set -eu

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

[ $# -eq 1 ] || usage
domain=$1
url=${MALOTE_URL:?where the service is, such as https://malote.example.net}
token_file=${MALOTE_TOKEN_FILE:?a file that holds a service token}
url=${url%/}
[ -r "$token_file" ] || { echo "verify-migration: $token_file cannot be read" >&2; exit 2; }
for tool in curl jq; do
    command -v "$tool" >/dev/null || { echo "verify-migration: $tool is not installed" >&2; exit 2; }
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
# The token goes to curl through a file: a command line can be read by everybody on the machine.
(umask 077 && printf 'header = "Authorization: Bearer %s"\n' "$(cat "$token_file")" >"$folder/proof")
failures=0

# ask NAME PATH [--no-token]: the answer's body in $folder/NAME, its status in $status; 000 where there was none.
ask() {
    proof="--config $folder/proof"
    [ "${3:-}" != --no-token ] || proof=
    # shellcheck disable=SC2086  # either two words or none
    status=$(curl --silent --show-error --max-time 30 $proof --output "$folder/$1" --write-out '%{http_code}' \
        "$url$2" 2>"$folder/error") || status=000
}

# hold NAME TEST WORDS: the jq expression has to be true of the answer.
hold() {
    if jq --exit-status "$2" "$folder/$1" >/dev/null 2>&1; then
        echo "ok    $3"
    else
        echo "FAIL  $3"
        failures=$((failures + 1))
    fi
}

# expect STATUS WORDS: the last answer's status.
expect() {
    if [ "$status" = "$1" ]; then
        echo "ok    $2"
    else
        echo "FAIL  $2 (HTTP $status instead of $1)$(sed 's/^/: /;q' "$folder/error")"
        failures=$((failures + 1))
    fi
}

ask ready /health/ready --no-token
expect 200 "the service is ready"

# What must never be answered with a yes.
name=$(printf %s "$domain" | jq --raw-input --raw-output @uri)
ask stranger "/migration/gate?domain=$name" --no-token
expect 401 "nobody without a token is told anything"
hold stranger '.dns_allowed == false' "nobody without a token gets a yes"
ask unknown "/migration/gate?domain=no-such-domain.invalid"
expect 404 "a domain without a job is unknown"
hold unknown '.dns_allowed == false' "a domain without a job gets a no"

ask gate "/migration/gate?domain=$name"
expect 200 "the gate of $domain answers"
hold gate '.domain != null and (.checks | length) >= 6 and .snapshot_hash != null' "the answer is whole"
hold gate '(.expires_at | sub("\\.[0-9]+"; "") | fromdateiso8601) > now' "the answer is fresh"
hold gate '.dns_allowed == (.migration_gate == "ready_for_dns")' "the answer does not contradict itself"
hold gate '(.migration_gate != "ready_for_dns") or ([.checks[] | select(.status == "fail" and .critical)] | length == 0)' \
    "an open gate has no failed check"
hold gate '(.migration_gate != "ready_for_dns") or (.approved_by != null and .approved_by != "")' \
    "an open gate was approved by a person"

job=$(jq --raw-output '.job_id // empty' "$folder/gate" 2>/dev/null || true)
cursor= boxes=0
while [ -n "$job" ]; do
    ask boxes "/migration/jobs/$job/mailboxes?limit=200$cursor"
    [ "$status" = 200 ] || { expect 200 "the mailboxes of job $job are listed"; break; }
    boxes=$((boxes + $(jq '.items | length' "$folder/boxes")))
    wrong=$(jq --raw-output '.items[] | select(.enabled and ((.has_scan | not)
        or .messages_source != .messages_matched + .messages_missing
        or .messages_missing != .messages_pending + .messages_quarantined + .messages_acknowledged)) | .email' \
        "$folder/boxes")
    if [ -n "$wrong" ]; then
        echo "FAIL  the counts of these mailboxes do not add up:" "$wrong"
        failures=$((failures + 1))
    fi
    next=$(jq --raw-output '.next_cursor // empty' "$folder/boxes")
    [ -n "$next" ] || { echo "ok    the counts of $boxes mailboxes were added up"; break; }
    cursor="&cursor=$next"
done

jq --raw-output '.checks[]? | "      \(.status)  \(.check_id): \(.message)"' "$folder/gate" 2>/dev/null || true
if [ "$failures" -gt 0 ]; then
    echo "$failures of these do not hold: do not change DNS"
    exit 1
fi
if jq --exit-status '.dns_allowed == true' "$folder/gate" >/dev/null; then
    echo "the gate of $domain is open: DNS may be changed"
else
    echo "the gate of $domain is $(jq --raw-output .migration_gate "$folder/gate"): do not change DNS"
    exit 3
fi
