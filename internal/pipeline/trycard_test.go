package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
)

// cardTable writes a table of n rows: the outcome follows tenure and plan, with a share of noise, and "group" is one of two people kinds.
func cardTable(t *testing.T, n int, noise bool) string {
	t.Helper()
	s := kernel.NewStream(11)
	var b strings.Builder
	b.WriteString("tenure,plan,visits,gender,left\n")
	for range n {
		tenure, plan := s.Intn(72), []string{"month", "year", "two years"}[s.Intn(3)]
		p := 0.6 - float64(tenure)/150
		if plan == "month" {
			p += 0.2
		}
		if noise {
			p = 0.3
		}
		left := "no"
		if s.Bool(p) {
			left = "yes"
		}
		fmt.Fprintf(&b, "%d,%s,%.2f,%s,%s\n", tenure, plan, s.Norm(), []string{"f", "m"}[s.Intn(2)], left)
	}
	path := filepath.Join(t.TempDir(), "left.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func tryCarded(t *testing.T, o Options, f TryFlags) *TryResult {
	t.Helper()
	o.Learners = tryLearners
	r, err := Try(context.Background(), o, f)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(r); err != nil || strings.Contains(string(b), "NaN") {
		t.Fatal(err)
	}
	return r
}

func TestTryCard(t *testing.T) {
	var page strings.Builder
	path := cardTable(t, 1500, false)
	f := TryFlags{File: path, Outcome: "left", Sensitive: []string{"gender"}, Models: []string{"linear", "gbdt"}, Card: filepath.Join(t.TempDir(), "card.html")}
	f.WriteCard = func(w io.Writer, r *TryResult) error {
		page.WriteString(r.Card.Grade(kequn.English))
		_, err := io.WriteString(w, "page")
		return err
	}
	r := tryCarded(t, Options{Threads: 1}, f)
	c := r.Card
	if c == nil || c.Accuracy.AUC == nil || c.Chance == nil || len(c.Scalability.Curve) < 3 || len(c.Stability.Seeds) < 3 || len(c.Comparison) < 2 {
		t.Fatalf("the card lacks parts: %+v", c)
	}
	if len(c.Fairness) != 1 || c.Fairness[0].Attribute != "gender" || c.Fairness[0].Used {
		t.Errorf("fairness by gender, which no model saw: %+v", c.Fairness)
	}
	if g := r.Reasons; g == nil || len(g.Permutation) == 0 || g.Permutation[0].Column != "tenure" && g.Permutation[0].Column != "plan" || g.Tree == nil {
		t.Errorf("reasons: %+v", g)
	}
	if len(r.Examples) != 3 || r.Examples[0].Score <= r.Examples[2].Score || r.Examples[0].Why == nil {
		t.Errorf("examples: %+v", r.Examples)
	}
	if got, err := os.ReadFile(f.Card); err != nil || string(got) != "page" || page.String() == "" {
		t.Errorf("the page: %q, %v", got, err)
	}
	if len(r.DataHash) != 64 {
		t.Errorf("hash %q", r.DataHash)
	}
	again := tryCarded(t, Options{Threads: 3}, f)
	if a, b := judgedText(t, r), judgedText(t, again); a != b {
		t.Error("another number of threads gives another card")
	}
}

// judgedText is the card without what a clock measured.
func judgedText(t *testing.T, r *TryResult) string {
	t.Helper()
	b, err := json.Marshal([]any{r.Card.Accuracy, r.Card.Chance, r.Card.Stability, r.Card.Generalization, r.Card.Comparison, r.Card.Fairness, r.Card.Verdict, r.Card.Tips, r.Reasons.Permutation, r.Reasons.Effects, r.Reasons.Tree, r.Examples})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTryCardOfChance(t *testing.T) {
	r := tryCarded(t, Options{}, TryFlags{File: cardTable(t, 1200, true), Outcome: "left", Models: []string{"linear"}})
	words := r.Card.Grade(kequn.English) + r.Card.Advice(kequn.English)
	if !strings.Contains(words, "chance") || r.Card.Verdict.Key != "useless" && r.Card.Verdict.Key != "unsure" {
		t.Errorf("%s: %s", r.Card.Verdict.Key, words)
	}
}

// A card of hardly any rows has words and no figure.
func TestTryCardOfFewRows(t *testing.T) {
	r := tryCarded(t, Options{}, TryFlags{File: cardTable(t, 40, false), Outcome: "left", Models: []string{"linear"}})
	c := r.Card
	if c.Verdict.Key != "unsure" || c.Chance != nil || len(c.Scalability.Curve) > 0 || len(c.NotMeasured) == 0 {
		t.Errorf("of 40 rows: %+v", c)
	}
}

func TestTryCardOfALeak(t *testing.T) {
	s := kernel.NewStream(3)
	var b strings.Builder
	b.WriteString("tenure,ended_after,left\n")
	for range 1500 {
		left, ended := "no", 0.0
		if s.Bool(0.3) {
			left, ended = "yes", 20+s.Norm()
		}
		fmt.Fprintf(&b, "%d,%.2f,%s\n", s.Intn(72), ended+s.Norm(), left)
	}
	path := filepath.Join(t.TempDir(), "leak.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	r := tryCarded(t, Options{}, TryFlags{File: path, Outcome: "left", Models: []string{"linear"}})
	if r.Card.Verdict.Key != "suspicious" || !strings.Contains(r.Card.Advice(kequn.English), "ended_after") || strings.Contains(r.Card.Advice(kequn.English), "money") {
		t.Errorf("%s: %s", r.Card.Verdict.Key, r.Card.Advice(kequn.English))
	}
}
