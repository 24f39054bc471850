package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows long work on stderr: bars with the time left at a terminal, a line per finished step elsewhere.
type progress struct {
	mu    sync.Mutex
	bars  *mpb.Progress
	step  string
	bar   *mpb.Bar
	begun time.Time
}

// step is called by the pipeline: the step's name in the user's language, and how much of it is done. total 0 means that
// nobody knows how much there is.
func (a *app) progressed(step string, done, total int64) {
	if a.quiet {
		return
	}
	if a.bars == nil {
		a.bars = &progress{}
		if atTerminal(a.stderr) {
			a.bars.bars = mpb.New(mpb.WithOutput(a.stderr), mpb.WithWidth(48))
		}
	}
	a.bars.show(a, step, done, total)
}

func (p *progress) show(a *app, step string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if step != p.step {
		p.finish(a)
		p.step, p.begun = step, time.Now()
		if p.bars != nil {
			p.bar = p.bars.AddBar(max(total, 1),
				mpb.PrependDecorators(decor.Name(step+" ", decor.WCSyncSpaceR)),
				mpb.AppendDecorators(decor.Percentage(decor.WCSyncSpace), decor.Name(" "),
					decor.OnComplete(decor.AverageETA(decor.ET_STYLE_GO), a.say("完成", "done")), decor.Name(" "), decor.Elapsed(decor.ET_STYLE_GO)))
		}
	}
	if p.bar != nil {
		p.bar.SetTotal(max(total, 1), false)
		p.bar.SetCurrent(done)
	}
}

// finish ends the step that is shown.
func (p *progress) finish(a *app) {
	if p.step == "" {
		return
	}
	if p.bar != nil {
		p.bar.SetTotal(-1, true)
		p.bar = nil
	} else if p.bars == nil {
		fmt.Fprintf(a.stderr, "%s (%s)\n", p.step, time.Since(p.begun).Round(10*time.Millisecond))
	}
	p.step = ""
}

// closeProgress ends all bars, so that results do not mix with them.
func (a *app) closeProgress() {
	if a.bars == nil {
		return
	}
	a.bars.mu.Lock()
	a.bars.finish(a)
	bars := a.bars.bars
	a.bars.mu.Unlock()
	if bars != nil {
		bars.Wait()
	}
	a.bars = nil
}
