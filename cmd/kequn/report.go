package main

import (
	"errors"
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
	tmp, err := os.CreateTemp(filepath.Dir(out), ".report-*")
	if err != nil {
		return "", kequn.Errorf(kequn.KindUsage, out, "cannot be written: %v", err)
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(report.Write(tmp, reportOf(d, a.language())), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return "", err
	}
	return out, os.Rename(tmp.Name(), out)
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
