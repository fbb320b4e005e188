/** Completion for zsh, as a function of \`fpath\` or to be sourced. */
export const zshScript = (program: string): string => `#compdef ${program}
# zsh completion for ${program}

_${program}() {
  local -a out described
  local line directive value
  out=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  directive=\${out[-1]#:}
  for line in "\${(@)out[1,-2]}"; do
    [[ -n "$line" ]] || continue
    value=\${line%%$'\\t'*}
    value=\${value//:/\\\\:}
    [[ "$line" == *$'\\t'* ]] && value="$value:\${line#*$'\\t'}"
    described+=("$value")
  done
  if (( \${#described} )); then
    if (( directive & 2 )); then
      _describe -V '${program}' described -S ''
    else
      _describe -V '${program}' described
    fi
  elif (( ! (directive & 4) )); then
    _files
  fi
}

if [[ "\${funcstack[1]}" == _${program} ]]; then
  _${program} "$@"
else
  compdef _${program} ${program}
fi
`
