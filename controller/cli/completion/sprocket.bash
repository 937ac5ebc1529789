# SPDX-License-Identifier: Apache-2.0
# Completion of sprocket's commands, options, chains and functions for bash. The words come
# from the command itself, and from sprocketd when it runs.

_sprocket_functions() {
	local chain=$1
	[ -n "$chain" ] && "$2" __complete functions "$chain" 2>/dev/null
}

# The options of a command that have a value, as its --help shows them.
_sprocket_valued() {
	"$2" "$1" --help 2>/dev/null |
		sed -nE 's/^ +((-[a-z], )?--?[a-z][a-z-]*) [A-Za-z|].*/\1/p' | tr -d ','
}

_sprocket() {
	local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]}
	local previous=${COMP_WORDS[COMP_CWORD - 1]} words word valued skip='' i
	local -a before=()
	COMPREPLY=()

	if [ "$COMP_CWORD" -eq 1 ]; then
		words=$("$program" __complete 2>/dev/null | cut -f1)
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
		return
	fi
	valued=" $(_sprocket_valued "$command" "$program" | tr '\n' ' ') "
	# The words that are neither options nor their values.
	for ((i = 2; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [ -n "$skip" ]; then
			skip=''
			continue
		fi
		case $word in
		--) ;;
		-*) [[ $valued != *" $word "* ]] || skip=1 ;;
		*) before+=("$word") ;;
		esac
	done
	case $previous in
	-o | --output)
		words=$("$program" "$command" --help 2>/dev/null |
			sed -n 's/^ *-o \([a-z|]*\).*/\1/p' | tr '|' ' ')
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
		return ;;
	--function)
		words=$(_sprocket_functions "${before[0]}" "$program")
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
		return ;;
	-f | --filename | --socket) ;;
	*)
		[ -z "$skip" ] || return ;;
	esac
	if [ -z "$skip" ] && [[ $current == -* ]]; then
		words=$("$program" "$command" --help 2>/dev/null |
			grep -oE '(^|[^[:alnum:]-])--[a-z][a-z-]*' | grep -oE '\--.*')
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
		return
	fi
	words=files
	[ -n "$skip" ] || words=$("$program" __complete "$command" "${before[@]}" 2>/dev/null)
	if [ "$words" = files ]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	fi
}

complete -F _sprocket sprocket
