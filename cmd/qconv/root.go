package main

import "github.com/spf13/cobra"

func newRoot(u *ui) *cobra.Command {
	var showVersion bool
	root := &cobra.Command{
		Use:   "qconv",
		Short: "turn a Hugging Face checkpoint into a GGUF file in one pass",
		Long: `qconv reads a Hugging Face safetensors checkpoint (or a GGUF file), quantizes it and writes GGUF:
one pass, bounded memory, no intermediate file, the bytes of llama.cpp.`,
		Example: `  qconv plan QwQ-32B --type Q4_K_M
  qconv convert QwQ-32B --type Q4_K_M -o qwq-32b-q4_k_m.gguf
  qconv inspect qwq-32b-q4_k_m.gguf`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(c *cobra.Command, _ []string) error {
			if showVersion {
				return u.version()
			}
			return c.Help()
		},
	}
	root.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(root, args[0])
		}
		return nil
	}
	root.Flags().BoolVarP(&showVersion, "version", "v", false, "print the version")
	f := root.PersistentFlags()
	f.BoolVar(&u.json, "json", u.json, "print JSON on standard output: one object, or one a line while a conversion runs")
	f.BoolVarP(&u.quiet, "quiet", "q", false, "no progress, notes or report: only errors, and what a command was asked to show")
	f.Lookup("json").DefValue = "false"
	root.SetIn(u.in)
	root.SetOut(u.out)
	root.SetErr(u.err)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelp(root))
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newConvert(u), newQuantize(u), newPlan(u), newVerify(u), newPerplexity(u), newImatrix(u), newRun(u), newInspect(u), newTokenize(u), newHash(u), newVersion(u), newCompletion(u))
	return root
}

func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:               "help [COMMAND]",
		Short:             "explain a command",
		Example:           "  qconv help convert",
		Args:              arguments(0, 1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, args[0])
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}

func newCompletion(u *ui) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "print a script that completes commands, flags and types in bash, zsh, fish or powershell",
		Example: `  source <(qconv completion bash)
  qconv completion zsh > "${fpath[1]}/_qconv"
  qconv completion fish > ~/.config/fish/completions/qconv.fish
  qconv completion powershell | Out-String | Invoke-Expression`,
		Args:      arguments(1, 1, "SHELL (bash, zsh, fish or powershell)"),
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return printFault(root.GenBashCompletionV2(u.out, true))
			case "zsh":
				return printFault(root.GenZshCompletion(u.out))
			case "fish":
				return printFault(root.GenFishCompletion(u.out, true))
			case "powershell":
				return printFault(root.GenPowerShellCompletionWithDesc(u.out))
			}
			return usagef("%q is no shell that can be served; it is one of bash, zsh, fish, powershell", args[0])
		},
	}
}
