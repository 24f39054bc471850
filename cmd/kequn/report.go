package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"kequn"
	"kequn/internal/pipeline"
	"kequn/internal/report"
	"kequn/internal/vault"
)

// reportName is the report's file in a workspace.
const reportName = "report.html"

// writeReport writes the page beside the plan, or to out. It appears whole or not at all.
func (a *app) writeReport(s *pipeline.Shop, out string) (string, error) {
	if out == "" {
		out = filepath.Join(a.dir, reportName)
	}
	d, err := s.ReportData(a.ctx)
	if err != nil {
		return "", err
	}
	return out, writePage(out, func(w io.Writer) error { return report.Write(w, reportOf(d, a.language())) })
}

// writePage writes a file that appears whole or not at all.
func writePage(out string, write func(w io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(out), ".report-*")
	if err != nil {
		return unwritable(out, err)
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(write(tmp), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), out)
}

func unwritable(out string, err error) error {
	return kequn.Errorf(kequn.KindUsage, out, "cannot be written: %v", err)
}

// checkPage refuses a page that cannot be written, before the work that it is about.
func checkPage(out string) error {
	if out == "" {
		return nil
	}
	if info, err := os.Stat(filepath.Dir(out)); err != nil || !info.IsDir() {
		return kequn.Errorf(kequn.KindUsage, out, "the folder does not exist").WithHint("make it first")
	}
	if info, err := os.Stat(out); err == nil && info.IsDir() {
		return kequn.Errorf(kequn.KindUsage, out, "is a folder, not a file")
	}
	return nil
}

// initKey makes a sealed workspace.
func (a *app) initKey(o pipeline.Options, identity string) error {
	var secret *vault.Secret
	var err error
	if identity != "" {
		secret, err = readIdentity(identity)
	} else {
		secret, err = a.newPassphrase()
	}
	if err != nil {
		return err
	}
	return pipeline.InitKey(o, secret)
}

// newPassphrase takes a new passphrase from the environment, or asks twice.
func (a *app) newPassphrase() (*vault.Secret, error) {
	first, err := a.passphrase(a.say("新口令：", "new passphrase: "))
	if err != nil {
		var e *kequn.Error
		if errors.As(err, &e) {
			return nil, kequn.Errorf(kequn.KindUsage, "", "no passphrase was given").WithHint("%s", e.Hint)
		}
		return nil, err
	}
	if os.Getenv(passphraseVariable) == "" {
		again, err := a.passphrase(a.say("再次输入：", "once more: "))
		if err != nil {
			return nil, err
		}
		if string(first) != string(again) {
			return nil, kequn.Errorf(kequn.KindUsage, "", "the two passphrases differ")
		}
	}
	return vault.Passphrase(first, 0)
}
