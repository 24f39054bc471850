package main

import (
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"

	"github.com/spf13/cobra"

	"kequn"
	"kequn/internal/pipeline"
)

// addCommands hangs the verbs below the root, in the order in which a reader needs them.
func (a *app) addCommands(root *cobra.Command) {
	root.AddGroup(
		&cobra.Group{ID: "begin", Title: "Begin:"},
		&cobra.Group{ID: "know", Title: "Know your customers:"},
		&cobra.Group{ID: "act", Title: "Decide, act, measure:"},
		&cobra.Group{ID: "keep", Title: "Keep:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("begin", a.demoCommand(), a.loadCommand(), a.readyCommand(), a.checkCommand(), a.runCommand(), a.tryCommand(), a.modelCommand())
	add("know", a.featuresCommand(), a.segmentCommand(), a.predictCommand(), a.backtestCommand(), a.audienceCommand(), a.whyCommand(), a.reportCommand(), a.rejectsCommand())
	add("act", a.decideCommand(), a.activateCommand(), a.measureCommand(), a.advanceCommand())
	add("keep", a.verifyCommand(), a.keyCommand())
}

// options are the pipeline's options as the flags say.
func (a *app) options(identity string) (pipeline.Options, error) {
	memory, err := a.memoryBytes()
	if err != nil {
		return pipeline.Options{}, err
	}
	if memory > 0 {
		pipeline.LimitMemory(memory)
	}
	o := pipeline.Options{
		Dir: a.dir, Seed: a.seed, Threads: a.threads, Memory: memory, Lang: a.language(),
		Learners: learners, Decoders: decoders, Engine: localEngine,
		Secret: a.secret(identity), Progress: a.progressed, By: userName(),
	}
	return o, nil
}

// userName returns who runs the program, for receipts.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// identityFlag adds the flag of the file that opens a sealed workspace.
func identityFlag(c *cobra.Command) *string {
	return c.Flags().String("identity", os.Getenv("KEQUN_IDENTITY"), "age identity `FILE` that opens a sealed workspace")
}

// shopRun makes a command's RunE of a function on the open workspace.
func (a *app) shopRun(c *cobra.Command, create bool, f func(s *pipeline.Shop, args []string) error) *cobra.Command {
	identity := identityFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		o, err := a.options(*identity)
		if err != nil {
			return err
		}
		open := pipeline.Open
		if create {
			open = pipeline.Create
		}
		s, err := open(o)
		if err != nil {
			return err
		}
		defer s.Close()
		return f(s, args)
	}
	return c
}

func (a *app) loadCommand() *cobra.Command {
	var f pipeline.LoadFlags
	c := &cobra.Command{
		Use:   "load FILE…",
		Short: "read customers, events, orders; propose what each column is",
		Long: `Reads CSV (any delimiter, UTF-8, UTF-16 or GB18030), JSON (objects line by line or in an array), both also as .gz and
.zst, Excel (.xlsx, another sheet as file.xlsx#Sheet2), Parquet, and tables or queries of a running PostgreSQL into the
workspace, which is made if there is none. A folder stands for the tables in it, 'exports/*.csv' for what fits; files
that were loaded before are recognised by their content. The password of a database comes from PGPASSWORD or ~/.pgpass.

What each file and column is (who, when, how much) is proposed from names and values and written to
kequn.yaml, where you can change it. Flags overrule the proposal for all files of the call.

Every row read is kept, rejected or a duplicate, and the three add up. Rejected rows are in a file, with line and
reason. Loading the same file again changes nothing.`,
		Example: `  kequn load customers.csv events.csv.gz orders.parquet
  kequn load sales.csv --as orders --customer CustomerID --time InvoiceDate --amount "Quantity * UnitPrice"
  kequn load exports/ 'more/*.jsonl' report.xlsx#Orders
  kequn load 'postgres://reader@db.example/shop?table=public.orders' --since-column updated_at`,
		Args: cobra.MinimumNArgs(1),
	}
	fl := c.Flags()
	fl.StringVar(&f.As, "as", "", "`ROLE` of the files: customers, events, orders, items, sends or lookup")
	fl.StringVar(&f.Name, "name", "", "`NAME` of the dataset (default its role)")
	fl.StringVar(&f.Customer, "customer", "", "`COL` that says whose row it is")
	fl.StringVar(&f.Time, "time", "", "`COL` that says when it happened")
	fl.StringVar(&f.Amount, "amount", "", "`COL` of money, or a product such as \"Quantity * UnitPrice\"")
	fl.StringVar(&f.ID, "id", "", "`COL` that identifies the row: the same id again is a duplicate or a correction")
	fl.StringVar(&f.Type, "type", "", "`COL` that says what kind of event it is")
	fl.StringVar(&f.Item, "item", "", "`COL` that says which product it is")
	fl.StringVar(&f.Key, "key", "", "`COL` by which a lookup is joined")
	fl.StringVar(&f.KnownAt, "known-at", "", "`COL` that says when the row entered the records")
	fl.StringVar(&f.SinceColumn, "since-column", "", "`COL` of a database that grows (updated_at): the next load reads only rows that are newer")
	fl.StringVar(&f.LoadedAt, "loaded-at", "", "instant `T` at which attributes and corrections of these files were known (default now)")
	return a.shopRun(c, true, func(s *pipeline.Shop, args []string) error {
		f.Files = args
		res, err := s.Load(a.ctx, f)
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) { a.printLoad(w, res) })
	})
}

func (a *app) runCommand() *cobra.Command {
	var f pipeline.RunFlags
	c := &cobra.Command{
		Use: "run", Short: "features, segments, goals, audiences, report: only what changed", Args: cobra.NoArgs,
		Long: `Does everything that kequn.yaml asks for, in order, and writes report.html. What is up to date is not done again. An interrupted
run goes on where it stopped when it is called again.`,
	}
	c.Flags().StringVar(&f.Cutoff, "cutoff", "", "instant of decision `T`: a date or RFC 3339 (default just after the last event)")
	c.Flags().StringVar(&f.Engine, "engine", "local", "`ENGINE` that computes: local")
	return a.shopRun(c, false, func(s *pipeline.Shop, _ []string) error {
		res, err := a.run(s, f)
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) { a.printRun(w, res) })
	})
}

// run does everything that is not up to date, and writes the report if anything was done, or there is none yet.
func (a *app) run(s *pipeline.Shop, f pipeline.RunFlags) (*pipeline.RunResult, error) {
	res, err := s.Run(a.ctx, f)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(a.dir, reportName)
	if _, err := os.Stat(path); res.Changed || err != nil {
		if path, err = a.writeReport(s, ""); err != nil {
			return nil, err
		}
	}
	res.Report = path
	return res, nil
}

func (a *app) rejectsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "rejects DATASET", Short: "the rows of the last load that were rejected, with line and reason, as CSV", Args: cobra.ExactArgs(1),
	}
	return a.shopRun(c, false, func(s *pipeline.Shop, args []string) error {
		text, err := s.Rejects(args[0])
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(text)
		return err
	})
}

func (a *app) segmentCommand() *cobra.Command {
	var cutoff string
	c := &cobra.Command{
		Use: "segment [NAME]", Short: "divide customers: RFM classes, behaviour groups", Args: cobra.MaximumNArgs(1),
	}
	c.Flags().StringVar(&cutoff, "cutoff", "", "instant `T` (default just after the last event)")
	return a.shopRun(c, false, func(s *pipeline.Shop, args []string) error {
		name := ""
		if len(args) == 1 {
			name = args[0]
		}
		res, err := s.Segments(a.ctx, name, cutoff)
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(map[string]any{"segmentations": res}, func(w io.Writer) { a.printSegments(w, res) })
	})
}

func (a *app) decideCommand() *cobra.Command {
	var f pipeline.DecideFlags
	c := &cobra.Command{
		Use: "decide CAMPAIGN", Short: "who gets which offer, who is held back, who is left alone", Args: cobra.ExactArgs(1),
		Long: `Values every offer for every customer, chooses under costs, budget and consent, holds back a random control group, and writes
an immutable receipt. Where a past send was randomised, value is what the offer causes; elsewhere it is calibrated
response, and the receipt says so.`,
	}
	c.Flags().Float64Var(&f.Budget, "budget", -1, "most that contacting may cost, `M` in units of the currency (default from kequn.yaml)")
	c.Flags().Lookup("budget").DefValue = "0" // help must not show the mark of a flag that was not given
	c.Flags().StringVar(&f.Cutoff, "cutoff", "", "instant of decision `T` (default just after the last event)")
	c.Flags().StringVar(&f.Replay, "replay", "", "decide a `RECEIPT` again and compare it byte for byte; nothing is kept")
	return a.shopRun(c, false, func(s *pipeline.Shop, args []string) error {
		f.Campaign = args[0]
		if c.Flags().Changed("budget") && !(f.Budget >= 0) {
			return kequn.Errorf(kequn.KindUsage, "--budget", "is %v: a budget is not negative", f.Budget)
		}
		res, err := s.Decide(a.ctx, f)
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) { a.printDecision(w, res) })
	})
}

func (a *app) activateCommand() *cobra.Command {
	var f pipeline.ActivateFlags
	c := &cobra.Command{
		Use: "activate CAMPAIGN", Short: "hand the lists over: contact.csv, control.csv and the receipt", Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&f.To, "to", "csv", "csv")
	c.Flags().StringVar(&f.Out, "out", "", "`FOLDER` (default activations/CAMPAIGN in the workspace)")
	c.Flags().BoolVar(&f.Clear, "clear", false, "write readable lists out of a sealed workspace")
	return a.shopRun(c, false, func(s *pipeline.Shop, args []string) error {
		f.Campaign = args[0]
		res, err := s.Activate(a.ctx, f)
		if err != nil {
			return err
		}
		return a.show(res, func(w io.Writer) {
			for _, file := range res.Files {
				fmt.Fprintf(w, "%s  %d\n", file.Path, file.Rows)
			}
		})
	})
}

func (a *app) measureCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "measure CAMPAIGN", Short: "what the contact changed, beside what was forecast", Args: cobra.ExactArgs(1),
	}
	return a.shopRun(c, false, func(s *pipeline.Shop, args []string) error {
		res, err := s.Measure(a.ctx, args[0])
		if err != nil {
			return err
		}
		return a.show(res, func(w io.Writer) { fmt.Fprintln(w, a.say(res.TextZH, res.TextEN)) })
	})
}

func (a *app) whyCommand() *cobra.Command {
	var goal string
	c := &cobra.Command{
		Use: "why ID", Short: "numbered reasons for a customer's scores and decision", Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&goal, "goal", "", "only this `GOAL`")
	return a.shopRun(c, false, func(s *pipeline.Shop, args []string) error {
		res, err := s.Why(a.ctx, args[0], goal)
		if err != nil {
			return err
		}
		return a.show(res, func(w io.Writer) { a.printWhy(w, res) })
	})
}

func (a *app) reportCommand() *cobra.Command {
	var out string
	c := &cobra.Command{Use: "report", Short: "write report.html: one file that a browser opens without a network", Args: cobra.NoArgs}
	c.Flags().StringVar(&out, "out", "", "HTML `FILE` (default report.html in the workspace)")
	return a.shopRun(c, false, func(s *pipeline.Shop, _ []string) error {
		path, err := a.writeReport(s, out)
		if err != nil {
			return err
		}
		return a.show(map[string]string{"report": path}, func(w io.Writer) { fmt.Fprintln(w, path) })
	})
}

func (a *app) verifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "verify", Short: "check every checksum of the workspace and name what is damaged", Args: cobra.NoArgs,
	}
	return a.shopRun(c, false, func(s *pipeline.Shop, _ []string) error {
		res, err := s.Verify(a.ctx)
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) {
			fmt.Fprintln(w, a.say(fmt.Sprintf("%d 个文件，全部完好", res.Files), fmt.Sprintf("%d files, all sound", res.Files)))
		})
	})
}

func (a *app) keyCommand() *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "seal a workspace", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	init := &cobra.Command{
		Use: "init", Short: "make a new workspace whose every file is encrypted", Args: cobra.NoArgs,
		Long: `Makes a sealed workspace: parts by Parquet modular encryption, every other file sealed with age, names, phones and e-mails
under a key of each person. The passphrase comes from ` + passphraseVariable + ` or is asked for; or --identity names an age identity file. Whoever
loses it loses the data.`,
	}
	identity := identityFlag(init)
	init.RunE = func(*cobra.Command, []string) error {
		o, err := a.options(*identity)
		if err != nil {
			return err
		}
		if err := a.initKey(o, *identity); err != nil {
			return err
		}
		return a.show(map[string]any{"sealed": true, "dir": a.dir}, func(w io.Writer) {
			fmt.Fprintln(w, a.say("工作区已加密；口令或密钥文件请妥善保管，丢失即无法打开。", "the workspace is sealed; keep the passphrase or identity safe: without it nothing can be opened"))
		})
	}
	c.AddCommand(init, a.keyExportCommand())
	return c
}

func (a *app) keyExportCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "export --part FILE", Short: "the key of one sealed part, for another Parquet reader", Args: cobra.NoArgs,
		Long: `Prints the key (hexadecimal) and the AAD prefix of one part of a sealed workspace. They open this part and no other one, for example in
pyarrow: docs/format/parts.md shows how. Whoever sees them can read the part.`,
		Example: `  kequn key export --part .kequn/parts/ab/ab12….parquet --json`,
	}
	part := c.Flags().String("part", "", "`FILE` of the part, or its id")
	return a.shopRun(c, false, func(s *pipeline.Shop, _ []string) error {
		if *part == "" {
			return kequn.Errorf(kequn.KindUsage, "", "which part?").WithHint("--part FILE names one of .kequn/parts")
		}
		key, prefix, err := s.PartKey(*part)
		if err != nil {
			return err
		}
		return a.show(map[string]string{"key": key, "aad_prefix": prefix}, func(w io.Writer) { fmt.Fprintf(w, "key        %s\naad prefix %s\n", key, prefix) })
	})
}
