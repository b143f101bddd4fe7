# SPDX-License-Identifier: Apache-2.0
# Completion of pipc for bash. Commands, options and kinds are asked from the command itself, so that they are those of the one that
# is installed.

_pipc_options() { # those of a command: the common ones, and its own
  "$1" --help 2>/dev/null | awk -v c="$2" '
    /^options:/ { on = 1; next }
    on && $1 ~ /^--/ {
      own = match($0, /\([a-z ]+\)$/) ? substr($0, RSTART + 1, RLENGTH - 2) : ""
      if (own == "" || (c != "" && index(" " own " ", " " c " "))) print $1
    }'
}

_pipc_commands() { "$1" --help 2>/dev/null | awk '/^commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'; }

_pipc_argument() { # what the option $2 takes: the word behind it in the help
  "$1" --help 2>/dev/null | awk -v o="$2" '$1 == o && $2 ~ /^[A-Z][A-Z,]*$/ { print $2 }'
}

_pipc_modules() { # names; of one kind with $2
  "$1" info 2>/dev/null | awk -v kind="$2" -F '[:,] *' '/^[a-z][a-z0-9_]*: (transport|codec),/ { if (kind == "" || $2 == kind) print $1 }'
}

_pipc() {
  local pipc=$1 word=$2 before=$3 command="" other i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    other=${COMP_WORDS[i]}
    if [ "${other#-}" != "$other" ]; then
      [ -n "$(_pipc_argument "$pipc" "$other")" ] && i=$((i + 1))
    elif [ -z "$command" ]; then
      command=$other
    fi
  done
  if [ "${before#--}" != "$before" ]; then
    case $(_pipc_argument "$pipc" "$before") in
      FILE) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
      DIR) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
      NAME | A,B)
        case $before in
          --carrier | --transports) mapfile -t COMPREPLY < <(compgen -W "$(_pipc_modules "$pipc" transport)" -- "$word") ;;
          --builtin) mapfile -t COMPREPLY < <(compgen -W "$(_pipc_modules "$pipc")" -- "$word") ;;
        esac
        return ;;
      ?*) return ;;
    esac
  fi
  case $word in
    -*) mapfile -t COMPREPLY < <(compgen -W "$(_pipc_options "$pipc" "$command")" -- "$word") ;;
    *)
      case $command in
        "") mapfile -t COMPREPLY < <(compgen -W "$(_pipc_commands "$pipc")" -- "$word") ;;
        info) mapfile -t COMPREPLY < <(compgen -W "$(_pipc_modules "$pipc")" -- "$word") ;;
        serve | call | watch | doctor) mapfile -t COMPREPLY < <(compgen -W "$(_pipc_modules "$pipc" codec)" -- "$word") ;;
        decode | encode) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
      esac ;;
  esac
}

complete -o filenames -F _pipc pipc
