#!/bin/sh
# The main path of the vectors with nothing but redis-cli: sh main-path.sh <folder> <lua> <redis url>.
# The calls and what they check are those of vectors/main-path.json.
set -eu
LUA=$2
CLI="redis-cli -u $3 --raw"
failed=0

# expect <what> <pattern> <text>: the text, its lines joined by |, is as the pattern of a case says.
expect() {
  joined=$(printf '%s' "$3" | tr '\n' '|')
  # shellcheck disable=SC2254
  case $joined in
    $2) ;;
    *) echo "main-path: $1: expected $2, got $joined" >&2; ok=0 ;;
  esac
}

call() {
  verb=$1
  shift
  if [ "$HOW" = FCALL ]; then
    $CLI FCALL "flowbroker_$verb" 2 "$KEY" "$KEY:timer" PUBLISH "$@" 2>&1
  else
    $CLI EVALSHA "$(sha1 "$verb")" 2 "$KEY" "$KEY:timer" PUBLISH "$@" 2>&1
  fi
}

sha1() {
  $CLI SCRIPT LOAD "$(cat "$LUA/dist/$1.lua")"
}

# begin: a flow of its own for the next vector.
begin() {
  ok=1
  flows=$((flows + 1))
  KEY="vector-$$-$HOW:{login:$flows}"
}

end() {
  $CLI DEL "$KEY" "$KEY:timer" >/dev/null
  if [ "$ok" = 1 ]; then passed=$((passed + 1)); else bad=$((bad + 1)); fi
}

# word <n> <reply>: the nth word of a reply's head.
word() {
  printf '%s\n' "$2" | sed -n 2p | cut -d ' ' -f "$1"
}

completed() {
  begin
  reply=$(call create open-1 600000 '{}')
  expect create 'created|1 [0-9]* PENDING [0-9]* [0-9]* 0 [0-9]* [0-9]* - - - - -|{}' "$reply"
  fence=$(word 4 "$reply")
  created=$(word 2 "$reply")
  record="$fence $fence 0 $created $((created + 600000)) -"
  expect 'create again' "joined|1 [0-9]* PENDING $record - - - -|{}" "$(call create join-1 600000 '{}')"
  reply=$(call settle settle-1 COMPLETED 'done' 8192)
  expect settle "applied|1 [0-9]* COMPLETED $record [0-9]* - - settle-1|{}" "$reply"
  rest="COMPLETED $record $(word 2 "$reply") - - settle-1|{}|done"
  expect 'the same settle' "duplicate|1 [0-9]* $rest" "$(call settle settle-1 COMPLETED 'done' 8192)"
  expect 'another settle' "already_settled|1 [0-9]* $rest" "$(call settle settle-2 FAILED no 8192)"
  expect read "found|1 [0-9]* $rest" "$(call read)"
  expect delete "deleted|1 [0-9]* $rest" "$(call delete delete-1)"
  expect 'read when deleted' 'not_found|1 [0-9]*' "$(call read)"
  end
}

owned() {
  begin
  reply=$(call create own-1 600000 '{}' owner me leaseMs 30000)
  expect create 'created|1 [0-9]* PENDING [0-9]* [0-9]* 1 [0-9]* [0-9]* [0-9]* - - me -|{}' "$reply"
  fence=$(word 4 "$reply")
  created=$(word 2 "$reply")
  expect 'the lease' "$((created + 30000))" "$(word 9 "$reply")"
  record="PENDING $fence $fence 1 $created $((created + 600000))"
  reply=$(call renew "$fence" me 40000)
  expect renew "renewed|1 [0-9]* $record $(($(word 2 "$reply") + 40000)) - - me -|{}" "$reply"
  reply=$(call release release-1 "$fence" me)
  expect release "released|1 [0-9]* $record $(word 2 "$reply") - - me -|{}" "$reply"
  expect delete "deleted|1 [0-9]* $record [0-9]* - - me -|{}" "$(call delete delete-1)"
  end
}

refused() {
  begin
  expect 'a bad argument' '*FLOWARG timeoutMs *' "$(call create me soon '{}' || true)"
  expect 'what it wrote' 0 "$($CLI EXISTS "$KEY" "$KEY:timer")"
  end
}

for HOW in EVALSHA FCALL; do
  passed=0 bad=0 flows=0
  if [ "$HOW" = FCALL ]; then $CLI FUNCTION LOAD REPLACE "$(cat "$LUA/flowbroker.lua")" >/dev/null; fi
  completed
  owned
  refused
  echo "redis-cli $HOW $passed passed $bad failed"
  failed=$((failed + bad))
done
[ "$failed" = 0 ]
