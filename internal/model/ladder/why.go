package ladder

import (
	"fmt"
	"math"
	"strings"

	"kequn"
)

// Why says in the language which line was chosen and which figures decided, and what the simplest good one gives up.
func (r *Result) Why(l kequn.Lang) string {
	var out []string
	say := func(zh, en string, a ...any) { out = append(out, fmt.Sprintf(l.Pick(zh, en), a...)) }
	best := r.Entry(r.Chosen)
	if best == nil {
		return ""
	}
	say("选中 %s%s：%s。", "Chosen: %s%s, %s.", best.Name, blendWords(l, best.Blend), r.reach(l, best))
	say("比较依据：%s 行%s，未参与训练的数据上的%s。", "Compared by %[3]s on rows not trained on (of %[1]s%[2]s).", thousands(r.Rows), r.what(l), r.by(l))
	if tried := r.triedWords(l); tried != "" {
		say("按规则尝试：%s。", "Tried by the rules: %s.", tried)
	}
	if base := r.Entry(BaseName); base != nil && base.Behind != nil {
		if base.Behind.Loss <= 2*base.Behind.SE {
			say("它并不比对所有人给同一个分数更好：这些列里看不出规律。", "It is no better than the same score for everybody: the columns do not tell.")
		}
	}
	for i := range r.Models {
		e := &r.Models[i]
		if e.Name == r.Chosen || e.Name == BaseName || isOnly(best.Blend, e.Name) {
			continue
		}
		switch {
		case e.Failed != "":
			say("%s 未运行：%s。", "%s was not run: %s.", e.Name, r.reason(l, e))
		case e.Behind == nil:
		default:
			loss, se := r.share(best, e.Behind.Loss), r.share(best, e.Behind.SE)
			switch {
			case e.Behind.Loss < -e.Behind.SE:
				// The choice was made inside the training rows; the judged ones are of another time and may see it otherwise.
				say("%s 在评判数据上反而好 %s%%（± %s）；选择只依据训练数据。", "%s turns out better by %s %% (± %s) on the judged rows; the choice was made on training rows alone.", e.Name, figure(-loss), figure(se))
			case e.Behind.Loss > e.Behind.SE:
				say("%s 差 %s%%（± %s）。", "%s is worse by %s %% (± %s).", e.Name, figure(loss), figure(se))
			default:
				say("%s 的差别在误差之内（%s%% ± %s）。", "%s differs within the noise (%s %% ± %s).", e.Name, figure(loss), figure(se))
			}
		}
	}
	if r.Simple != r.Chosen {
		say("最简单的可用模型是 %s：与选中者的差别不超过一个配对标准误。", "The simplest that will do is %s: within one paired standard error of the chosen one.", r.Simple)
	}
	for _, h := range r.Plan.Heats {
		say("预赛：用 %s 行各试一次，留下 %d 种方法。", "Heat: each on %s rows, the best %d went on.", thousands(h.Rows), h.Keep)
	}
	if r.StoppedBy == "time" {
		say("时间用完，后面的模型没有运行。", "The time was up before the later models.")
	}
	return strings.Join(out, l.Pick("", " "))
}

// Brief says in two or three sentences which line was chosen, how far the others are behind and what the simplest good one gives up.
func (r *Result) Brief(l kequn.Lang) string {
	best := r.Entry(r.Chosen)
	if best == nil {
		return ""
	}
	out := []string{fmt.Sprintf(l.Pick("选中 %s%s：%s。", "Chosen: %s%s, %s."), best.Name, blendWords(l, best.Blend), r.reach(l, best))}
	var tied []string
	least, most, worse := math.Inf(1), 0.0, 0
	for i := range r.Models {
		e := &r.Models[i]
		if e.Name == r.Chosen || e.Name == BaseName || e.Failed != "" || e.Behind == nil || isOnly(best.Blend, e.Name) {
			continue
		}
		if e.Behind.Loss <= e.Behind.SE {
			tied = append(tied, e.Name)
			continue
		}
		share := r.share(best, e.Behind.Loss)
		least, most, worse = min(least, share), max(most, share), worse+1
	}
	if base := r.Entry(BaseName); base != nil && base.Behind != nil && base.Behind.Loss <= 2*base.Behind.SE {
		out = append(out, l.Pick("它并不比对所有人给同一个分数更好：这些列里看不出规律。", "It is no better than the same score for everybody: the columns do not tell."))
	}
	if worse > 0 {
		span := figure(least)
		if worse > 1 && figure(least) != figure(most) {
			span += l.Pick(" 至 ", " to ") + figure(most)
		}
		others := l.Pick("其余 %d 种方法的%s高 %s%%。", "%d others have a %s that is %s %% higher.")
		if worse == 1 {
			others = l.Pick("另外 %d 种方法的%s高 %s%%。", "%d other has a %s that is %s %% higher.")
		}
		out = append(out, fmt.Sprintf(others, worse, r.by(l), span))
	}
	if len(tied) > 0 {
		out = append(out, fmt.Sprintf(l.Pick("差别在误差之内的：%s。", "Within the noise: %s."), strings.Join(tied, l.Pick("、", ", "))))
	}
	if r.StoppedBy == "time" {
		out = append(out, l.Pick("时间用完，后面的模型没有运行。", "The time was up before the later models."))
	}
	return strings.Join(out, l.Pick("", " "))
}

// triedWords says which families were tried and by which rule, families of one reason together.
func (r *Result) triedWords(l kequn.Lang) string {
	var reasons []string
	names := map[string][]string{}
	for _, s := range r.Plan.Steps {
		if !s.Done || s.Name == BaseName {
			continue
		}
		reason := s.Reason.In(l)
		if names[reason] == nil {
			reasons = append(reasons, reason)
		}
		names[reason] = append(names[reason], s.Name)
	}
	for i, reason := range reasons {
		list := strings.Join(names[reason], l.Pick("、", ", "))
		reasons[i] = fmt.Sprintf(l.Pick("%s（%s）", "%s (%s)"), list, reason)
	}
	return strings.Join(reasons, l.Pick("；", "; "))
}

// what says what the rows hold, after their number.
func (r *Result) what(l kequn.Lang) string {
	if r.Task == kequn.Binary {
		return fmt.Sprintf(l.Pick("（其中 %s 个正例）", ", %s of them positive"), thousands(r.Positives))
	}
	if r.Task == kequn.Multiclass {
		return fmt.Sprintf(l.Pick("（%d 个类别）", ", %d classes"), r.in.Y.NOut())
	}
	return ""
}

// share says a difference of losses in percent of the chosen line's loss: squared errors of money and log losses read alike.
func (r *Result) share(best *Entry, loss float64) float64 {
	whole := math.NaN()
	switch {
	case r.Task == kequn.Regression && best.RMSE != nil:
		whole = *best.RMSE * *best.RMSE
	case best.LogLoss != nil:
		whole = *best.LogLoss
	}
	if !(whole > 0) {
		return math.NaN()
	}
	return 100 * loss / whole
}

// figure writes a percentage with two digits that tell, and never as a power of ten.
func figure(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return "–"
	case a >= 9.95:
		return fmt.Sprintf("%.0f", x)
	case a >= 0.095:
		return fmt.Sprintf("%.1f", x)
	case a < 0.005:
		return "0.00"
	}
	return fmt.Sprintf("%.2f", x)
}

// thousands writes a count with separators.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (r *Result) by(l kequn.Lang) string {
	if r.Task == kequn.Regression {
		return l.Pick("均方误差", "squared error")
	}
	return l.Pick("对数损失", "log loss")
}

func (r *Result) reach(l kequn.Lang, e *Entry) string {
	num := func(p *float64) float64 {
		if p == nil {
			return math.NaN()
		}
		return *p
	}
	switch r.Task {
	case kequn.Binary:
		if e.AUCSD == nil { // one round
			return fmt.Sprintf(l.Pick("AUC %.4f，对数损失 %.4f", "AUC %.4f, log loss %.4f"), num(e.AUC), num(e.LogLoss))
		}
		return fmt.Sprintf(l.Pick("AUC %.4f ± %.4f，对数损失 %.4f", "AUC %.4f ± %.4f, log loss %.4f"), num(e.AUC), num(e.AUCSD), num(e.LogLoss))
	case kequn.Regression:
		return fmt.Sprintf(l.Pick("RMSE %.4g，R² %.3f", "RMSE %.4g, R² %.3f"), num(e.RMSE), num(e.R2))
	}
	return fmt.Sprintf(l.Pick("准确率 %.3f，对数损失 %.4f", "accuracy %.3f, log loss %.4f"), num(e.Accuracy), num(e.LogLoss))
}

func (r *Result) reason(l kequn.Lang, e *Entry) string {
	if s := r.Plan.step(e.Name); s != nil && !s.Run && s.Reason.En == e.Failed {
		return s.Reason.In(l)
	}
	if r.StoppedBy == "time" && l == kequn.Chinese {
		return "时间用完"
	}
	return e.Failed
}

// isOnly tells whether the blend is one member.
func isOnly(b []Share, name string) bool { return len(b) == 1 && b[0].Name == name }

func blendWords(l kequn.Lang, b []Share) string {
	switch len(b) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(l.Pick("（即 %s）", " (that is, %s)"), b[0].Name)
	}
	parts := make([]string, len(b))
	for i, s := range b {
		parts[i] = fmt.Sprintf(l.Pick("%.0f%% %s", "%.0f %% %s"), 100*s.Weight, s.Name)
	}
	return fmt.Sprintf(l.Pick("（%s）", " (%s)"), strings.Join(parts, " + "))
}
