package model

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"kequn"
)

// Param is one parameter of a learner: an exported field with a tag such as
//
//	Leaves int `param:"default=31,min=2,max=131072,alias=num_leaves" doc:"the most leaves one tree may have"`
//
// The flag, the API's schema, the browser's form and the manual come from this one line. An unset field (zero) means
// the default, so a parameter whose zero is a real choice has 0 for its default.
type Param struct {
	Name    string // snake_case of the field
	Alias   string
	Doc     string
	Default float64
	Min     float64
	Max     float64
	Kind    reflect.Kind // Int, Float64, Bool or Uint64 (seeds)
}

// Params lists the parameters of a learner in the order of its fields. A field without a param tag is not a parameter.
func Params(l Learner) []Param {
	t := structType(l)
	var out []Param
	for i := range t.NumField() {
		if p, ok := parseParam(t.Field(i)); ok {
			out = append(out, p)
		}
	}
	return out
}

// Resolve returns a pointer to a copy of the learner struct with every unset field at its default, and the values in
// effect. A value out of range is a usage error that names parameter and range.
func Resolve[L any](l L) (L, []Value, error) {
	v := reflect.ValueOf(&l).Elem()
	var values []Value
	for i := range v.NumField() {
		p, ok := parseParam(v.Type().Field(i))
		if !ok {
			continue
		}
		f := v.Field(i)
		if f.IsZero() {
			setNumber(f, p.Default)
		}
		x := number(f)
		if x < p.Min || x > p.Max || math.IsNaN(x) {
			return l, nil, kequn.Errorf(kequn.KindUsage, p.Name, "is %v, want %v to %v", x, p.Min, p.Max)
		}
		values = append(values, Value{Name: p.Name, Value: x})
	}
	return l, values, nil
}

// With returns a copy of the learner with the named parameter set. An unknown name is a usage error that names the nearest.
func With(l Learner, name string, x float64) (Learner, error) {
	t := structType(l)
	v := reflect.New(t).Elem()
	v.Set(reflect.Indirect(reflect.ValueOf(l)))
	nearest, dist := "", math.MaxInt
	for i := range t.NumField() {
		p, ok := parseParam(t.Field(i))
		if !ok {
			continue
		}
		if p.Name == name || p.Alias == name {
			setNumber(v.Field(i), x)
			return v.Interface().(Learner), nil
		}
		if d := editDistance(p.Name, name); d < dist {
			nearest, dist = p.Name, d
		}
	}
	return nil, kequn.Errorf(kequn.KindUsage, "", "%s has no parameter %q", l.Name(), name).WithHint("did you mean %s?", nearest)
}

func structType(l Learner) reflect.Type {
	t := reflect.TypeOf(l)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func parseParam(f reflect.StructField) (Param, bool) {
	tag, ok := f.Tag.Lookup("param")
	if !ok {
		return Param{}, false
	}
	p := Param{Name: snake(f.Name), Doc: f.Tag.Get("doc"), Min: math.Inf(-1), Max: math.Inf(1), Kind: f.Type.Kind()}
	if p.Kind == reflect.Bool {
		p.Min, p.Max = 0, 1
	}
	for _, kv := range strings.Split(tag, ",") {
		k, v, _ := strings.Cut(kv, "=")
		x, err := strconv.ParseFloat(v, 64)
		switch k {
		case "alias":
			p.Alias = v
			continue
		case "default":
			p.Default = x
		case "min":
			p.Min = x
		case "max":
			p.Max = x
		default:
			err = fmt.Errorf("unknown key %q", k)
		}
		if err != nil {
			panic("model: param tag of " + f.Name + ": " + err.Error())
		}
	}
	return p, true
}

func number(f reflect.Value) float64 {
	switch f.Kind() {
	case reflect.Bool:
		if f.Bool() {
			return 1
		}
		return 0
	case reflect.Float64:
		return f.Float()
	case reflect.Uint64:
		return float64(f.Uint())
	}
	return float64(f.Int())
}

func setNumber(f reflect.Value, x float64) {
	switch f.Kind() {
	case reflect.Bool:
		f.SetBool(x != 0)
	case reflect.Float64:
		f.SetFloat(x)
	case reflect.Uint64:
		f.SetUint(uint64(x))
	default:
		f.SetInt(int64(x))
	}
}

// snake turns MinLeafRows into min_leaf_rows and L2 into l2.
func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r >= 'A' && r <= 'Z' {
			if i > 0 && s[i-1] >= 'a' && s[i-1] <= 'z' {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func editDistance(a, b string) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		cur := make([]int, len(b)+1)
		cur[0] = i + 1
		for j := range len(b) {
			d := prev[j]
			if a[i] != b[j] {
				d++
			}
			cur[j+1] = min(d, prev[j+1]+1, cur[j]+1)
		}
		prev = cur
	}
	return prev[len(b)]
}
