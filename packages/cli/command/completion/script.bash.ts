/** Completion for bash. It needs nothing of bash-completion. */
export const bashScript = (program: string): string => `# bash completion for ${program}

# The words up to the cursor. bash cuts them at : and =, which stand inside of names here.
__${program}_words() {
  local line="\${COMP_LINE:0:COMP_POINT}" i word rest
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    rest="\${line#"\${line%%[![:space:]]*}"}"
    ((i == COMP_CWORD)) && word="$rest"
    if ((i > 0)) && [[ "$rest" == "$line" ]]; then
      words[\${#words[@]} - 1]+="$word"
    else
      words+=("$word")
    fi
    line="\${rest#"$word"}"
  done
}

_${program}() {
  local words current line directive=0 prefix
  __${program}_words
  current="\${words[\${#words[@]} - 1]}"
  prefix="\${current%"\${current##*[=:]}"}"
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ "$line" == :* ]]; then
      directive="\${line#:}"
    else
      COMPREPLY+=("\${line#"$prefix"}")
    fi
  done < <("\${words[0]}" __completeNoDesc "\${words[@]:1}" 2>/dev/null)
  ((directive & 2)) && compopt -o nospace
  ((directive & 4)) && compopt +o default
  return 0
}

complete -o default -F _${program} ${program}
`
