package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"kequn"
)

// app is one call of the program: its global flags and its three streams.
type app struct {
	dir     string
	json    bool
	seed    uint64
	threads int
	memory  string
	lang    string
	quiet   bool

	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	ctx  context.Context
	bars *progress
	exit int // of a command that answered, but found what must not pass
}

// run executes the program and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, ctx: ctx}
	root := a.root()
	if spoken(args) == kequn.Chinese {
		speakChinese(root)
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := a.execute(root)
	a.closeProgress()
	if err == nil {
		return a.exit
	}
	a.report(err)
	return kequn.ExitCode(err)
}

// execute turns a panic, which is a defect of ours, into an error without a stack trace on the user's screen.
func (a *app) execute(root *cobra.Command) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if os.Getenv("KEQUN_DEBUG") != "" {
				fmt.Fprintf(a.stderr, "%v\n%s", p, debug.Stack())
			}
			err = kequn.Errorf(kequn.KindInternal, "", "internal error: %v", p).WithHint("this is a defect of kequn; KEQUN_DEBUG=1 shows where")
		}
	}()
	err = root.ExecuteContext(a.ctx)
	if err != nil && a.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return kequn.Errorf(kequn.KindUsage, "", "interrupted: nothing half-written is left").WithHint("run the same command again to go on")
	}
	return err
}

// report prints an error for people on stderr, or for machines on stdout.
func (a *app) report(err error) {
	var e *kequn.Error
	if !errors.As(err, &e) {
		e = &kequn.Error{Kind: kequn.KindOf(err), Message: err.Error()}
	}
	if a.json {
		message := e.Message
		if e.Err != nil {
			message += ": " + e.Err.Error()
		}
		a.printJSON(map[string]any{"error": map[string]string{"kind": string(e.Kind), "message": message, "where": e.Where, "hint": e.Hint}})
		return
	}
	fmt.Fprintf(a.stderr, "kequn: %v\n", err)
	if e.Hint != "" {
		fmt.Fprintf(a.stderr, "%s: %s\n", a.say("提示", "hint"), e.Hint)
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "kequn",
		Short: "Whom to contact with which offer, whom to leave alone, what that earns, and the control group that proves it",
		Long: `Kequn (客群) takes your customers, events and orders and hands back whom to contact with which offer, whom to
leave alone, what that should earn, why, and a held-back control group that will prove it.

A first look, on a made-up shop:      kequn demo shop
Your own data, in a folder of yours:  kequn load customers.csv events.parquet orders.csv
                                      kequn ready
                                      kequn run`,
		Version:       kequn.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.dir, "dir", "C", ".", "workspace `DIR`")
	f.BoolVar(&a.json, "json", false, "print one JSON document on stdout and nothing else there")
	f.Uint64Var(&a.seed, "seed", 0, "seed `N` of everything drawn at random: same data, same seed, same answer")
	f.IntVar(&a.threads, "threads", 0, "`N` threads to use (default all)")
	f.StringVar(&a.memory, "memory", "", "most memory to use, a `SIZE`, for example 2GB (default half of the machine's)")
	f.StringVar(&a.lang, "lang", "", "language of what people read, `zh|en` (default from LANG)")
	f.BoolVar(&a.quiet, "quiet", false, "no progress on stderr")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return kequn.Errorf(kequn.KindUsage, "", "%v", err).WithHint("%s --help shows the flags", c.CommandPath())
	})
	root.SuggestionsMinimumDistance = 2
	cobra.EnableCommandSorting = false // they stand in the order in which they are needed
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.check() }
	a.addCommands(root)
	for _, c := range root.Commands() {
		wrapArgs(c)
	}
	return root
}

// knownCommand refuses a verb that does not exist, naming the nearest ones.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := kequn.Errorf(kequn.KindUsage, "", "there is no command %q", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return err.WithHint("did you mean %s?", strings.Join(near, " or "))
	}
	return err.WithHint("kequn --help lists the commands")
}

// wrapArgs makes wrong arguments usage errors, which have exit code 2.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return kequn.Errorf(kequn.KindUsage, "", "%v", err).WithHint("usage: %s", c.UseLine())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

func (a *app) check() error {
	switch a.lang {
	case "zh", "en":
	case "":
		a.lang = string(langOf(os.Getenv))
	default:
		return kequn.Errorf(kequn.KindUsage, "--lang", "%q is not a language", a.lang).WithHint("zh or en")
	}
	if a.threads < 0 || a.threads > 1024 {
		return kequn.Errorf(kequn.KindUsage, "--threads", "%d threads cannot be", a.threads)
	}
	_, err := a.memoryBytes()
	return err
}

// langOf reads the language from the environment as programs on Unix do.
func langOf(getenv func(string) string) kequn.Lang {
	for _, k := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(k); v != "" {
			if strings.HasPrefix(strings.ToLower(v), "zh") {
				return kequn.Chinese
			}
			return kequn.English
		}
	}
	return kequn.English
}

func (a *app) language() kequn.Lang { return kequn.Lang(a.lang) }

// say picks the text in the user's language.
func (a *app) say(zh, en string) string { return a.language().Pick(zh, en) }

// memoryBytes returns the limit of --memory, or 0 where none was given.
func (a *app) memoryBytes() (int64, error) {
	s := strings.ToUpper(strings.TrimSpace(a.memory))
	if s == "" {
		return 0, nil
	}
	bad := kequn.Errorf(kequn.KindUsage, "--memory", "%q is not a size", a.memory).WithHint("for example 800MB or 4GB; at least 64MB")
	unit := int64(1)
	for _, u := range []struct {
		suffix string
		n      int64
	}{{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"B", 1}} {
		if strings.HasSuffix(s, u.suffix) {
			s, unit = strings.TrimSpace(strings.TrimSuffix(s, u.suffix)), u.n
			break
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x > 0) || x*float64(unit) > math.MaxInt64/2 {
		return 0, bad
	}
	n := int64(x * float64(unit))
	if n < 64e6 {
		return 0, bad
	}
	return n, nil
}

// printJSON writes the document on stdout.
func (a *app) printJSON(doc any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// show prints a document for machines, or calls text to print it for people.
func (a *app) show(doc any, text func(w io.Writer)) error {
	if a.json {
		return a.printJSON(doc)
	}
	text(a.stdout)
	return nil
}

// atTerminal tells whether people see what a stream shows at once.
func atTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
