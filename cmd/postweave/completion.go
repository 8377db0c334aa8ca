package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// completionCommand is filled in init for the same reason as helpCommand.
var completionCommand command

func init() {
	completionCommand = command{
		name:     "completion",
		synopsis: "bash|zsh|fish",
		summary:  "print completions for a shell",
		about:    "Prints a script that teaches a shell to complete postweave's commands, flags and their values.",
		example: `source <(postweave completion bash)
postweave completion zsh > "${fpath[1]}/_postweave"
postweave completion fish > ~/.config/fish/completions/postweave.fish`,
		action: func() action { return &completionOptions{} },
	}
}

type completionOptions struct{ shell string }

var shells = []string{"bash", "zsh", "fish"}

func (o *completionOptions) flags(*flagSet) {}

func (o *completionOptions) check(args []string, _ time.Time) error {
	if len(args) != 1 {
		return fmt.Errorf("which shell? give %s", oneOf(shells))
	}
	o.shell = args[0]
	for _, s := range shells {
		if s == o.shell {
			return nil
		}
	}
	return fmt.Errorf("no completions for %q, there are %s%s", o.shell, strings.Join(shells, ", "), didYouMean(o.shell, "", shells))
}

func (o *completionOptions) run(_ context.Context, a *app) error {
	script := map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[o.shell]()
	return writeResult(a.stdout, []byte(script))
}

// wordsOf are the arguments that a command takes from a fixed set.
func wordsOf(c command) []string {
	switch c.name {
	case "completion":
		return shells
	case "help":
		return append(commandNames(), topicEnvironment, topicExitCodes)
	}
	return nil
}

// takesFile tells by the placeholder whether a flag's value is a path.
func takesFile(d flagInfo) bool { return strings.Contains(d.meta, "FILE") }

func dashed(d flagInfo) string {
	if len(d.name) == 1 {
		return "-" + d.name
	}
	return "--" + d.name
}

// bashCompletion looks the word before the cursor up for a flag's values, then
// offers the command's flags, words or files. Bash's own compgen is enough: it
// must work without the bash-completion package.
func bashCompletion() string {
	var flags, values strings.Builder
	for _, c := range commands() {
		var names []string
		for _, d := range flagsOf(c).declared {
			names = append(names, dashed(d))
			switch {
			case len(d.choices) > 0:
				fmt.Fprintf(&values, "    %s:%s) COMPREPLY=($(compgen -W %s -- \"$current\")); return ;;\n", c.name, dashed(d), shellQuote(strings.Join(d.choices, " ")))
			case takesFile(d):
				fmt.Fprintf(&values, "    %s:%s) compopt -o default; return ;;\n", c.name, dashed(d))
			case d.meta != "":
				fmt.Fprintf(&values, "    %s:%s) return ;;\n", c.name, dashed(d))
			}
		}
		fmt.Fprintf(&flags, "    %s) flags=%s; words=%s ;;\n", c.name, shellQuote(strings.Join(append(names, "--help"), " ")), shellQuote(strings.Join(wordsOf(c), " ")))
	}
	return fmt.Sprintf(`# bash completion for postweave
_postweave() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} flags='' words=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W %s -- "$current"))
    return
  fi
  case "${COMP_WORDS[1]}:$previous" in
%s  esac
  case "${COMP_WORDS[1]}" in
%s  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
    *)
      if [ -n "$words" ]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
      elif [ "${COMP_WORDS[1]}" = merge ]; then
        compopt -o default
      fi
      ;;
  esac
}
complete -F _postweave postweave
`, shellQuote(strings.Join(commandNames(), " ")), values.String(), flags.String())
}

// zshCompletion describes commands and flags in _arguments' terms.
func zshCompletion() string {
	var names, cases strings.Builder
	for _, c := range commands() {
		fmt.Fprintf(&names, "    %s\n", shellQuote(c.name+":"+c.summary))
		fmt.Fprintf(&cases, "    %s)\n      _arguments -S", c.name)
		for _, d := range append(flagsOf(c).declared, flagInfo{name: "help", usage: "show the help"}) {
			spec := dashed(d) + "[" + zshEscape(d.usage) + "]"
			switch {
			case len(d.choices) > 0:
				spec += ":value:(" + strings.Join(d.choices, " ") + ")"
			case takesFile(d):
				spec += ":file:_files"
			case d.meta != "":
				spec += ":" + zshEscape(strings.ToLower(d.meta)) + ":"
			}
			fmt.Fprintf(&cases, " \\\n        %s", shellQuote(spec))
		}
		switch words := wordsOf(c); {
		case len(words) > 0:
			fmt.Fprintf(&cases, " \\\n        %s", shellQuote("1:word:("+strings.Join(words, " ")+")"))
		case c.name == "merge":
			fmt.Fprintf(&cases, " \\\n        %s", shellQuote("*:log file:_files"))
		}
		cases.WriteString("\n      ;;\n")
	}
	return fmt.Sprintf(`#compdef postweave
# zsh completion for postweave
_postweave() {
  local -a names
  names=(
%s  )
  if (( CURRENT == 2 )); then
    _describe command names
    return
  fi
  local name=$words[2]
  shift words
  (( CURRENT-- ))
  case $name in
%s  esac
}
if [ "$funcstack[1]" = _postweave ]; then
  _postweave "$@"
else
  compdef _postweave postweave
fi
`, names.String(), cases.String())
}

// fishCompletion is a list of complete commands.
func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# fish completion for postweave\ncomplete -c postweave -f\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "complete -c postweave -n __fish_use_subcommand -a %s -d %s\n", c.name, fishQuote(c.summary))
		seen := "-n " + fishQuote("__fish_seen_subcommand_from "+c.name)
		for _, d := range flagsOf(c).declared {
			kind := "-l"
			if len(d.name) == 1 {
				kind = "-s"
			}
			fmt.Fprintf(&b, "complete -c postweave %s %s %s -d %s", seen, kind, d.name, fishQuote(d.usage))
			switch {
			case len(d.choices) > 0:
				fmt.Fprintf(&b, " -x -a %s", fishQuote(strings.Join(d.choices, " ")))
			case takesFile(d):
				b.WriteString(" -r -F")
			case d.meta != "":
				b.WriteString(" -x")
			}
			b.WriteString("\n")
		}
		if words := wordsOf(c); len(words) > 0 {
			fmt.Fprintf(&b, "complete -c postweave %s -a %s\n", seen, fishQuote(strings.Join(words, " ")))
		}
		if c.name == "merge" {
			fmt.Fprintf(&b, "complete -c postweave %s -F\n", seen)
		}
	}
	return b.String()
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

// zshEscape protects what _arguments reads as syntax.
func zshEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, "[", `\[`, "]", `\]`).Replace(s)
}
