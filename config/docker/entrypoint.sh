#!/bin/sh
# Process 1 of the container. It runs one command of Firesteel, passes signals on to it, and takes in the processes
# that lost their parent: what a driver leaves behind becomes a child of process 1, and stays a zombie until that one
# waits for it. Node waits for its own children only. So `docker run --init` is not needed.

# A command in the background would read from nothing.
exec 3<&0
firesteel "$@" <&3 3<&- &
child=$!
exec 3<&-

heard=
pass() {
  heard=yes
  kill -s "$1" "$child" 2>/dev/null
}
trap 'pass TERM' TERM
trap 'pass HUP' HUP
# Ctrl-C of a terminal reaches the command too, and a second one would make it stop at once.
trap 'if [ -t 0 ]; then heard=yes; else pass INT; fi' INT

code=127
while :; do
  heard=
  wait "$child"
  ended=$?
  [ "$ended" -eq 127 ] || code=$ended
  # A signal ends the wait, and not the command.
  [ -n "$heard" ] || exit "$code"
done
