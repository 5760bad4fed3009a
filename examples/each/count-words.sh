#!/bin/sh
# Counts the words of each text file in a folder: one task of the cluster for each file.
#
#     examples/each/count-words.sh [FOLDER]
#
# Without FIRESTEEL_MASTER an embedded cluster runs for this one command.
set -eu

folder=${1:-$(dirname "$0")/texts}
: "${FIRESTEEL:=npx firesteel}"

# -print0 and -0: names may hold spaces, quotes and line ends. {} is put in quotes by `each` itself.
# -k: output in the order of the items, whoever ends first. FIRESTEEL is a command with its arguments: not quoted.
find "$folder" -type f -name '*.txt' -print0 | LC_ALL=C sort -z |
  $FIRESTEEL each --master "${FIRESTEEL_MASTER:-local}" -0 -k 'printf "%s\t%s\n" "$(wc -w < {} | tr -d " ")" {/}'
