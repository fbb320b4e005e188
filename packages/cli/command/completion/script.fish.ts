/** Completion for fish. */
export const fishScript = (program: string): string => `# fish completion for ${program}

function __${program}_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l out (command $words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    set -l directive (string replace ':' '' -- $out[-1])
    set -e out[-1]
    if test (count $out) -gt 0
        printf '%s\\n' $out
    else if test "$directive" = 0
        __fish_complete_path "$current"
    end
end

complete -c ${program} -e
complete -c ${program} -f -a '(__${program}_complete)'
`
