package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/term"

	"kequn"
	"kequn/internal/vault"
)

// passphraseVariable names the environment variable that holds the passphrase. There is no flag for it: arguments can be
// read by everybody on the machine.
const passphraseVariable = "KEQUN_PASSPHRASE"

// secret returns what opens a sealed workspace: an identity file, else the passphrase from the environment, else what is
// typed at a terminal.
func (a *app) secret(identity string) func() (*vault.Secret, error) {
	return func() (*vault.Secret, error) {
		if identity != "" {
			return readIdentity(identity)
		}
		pass, err := a.passphrase(a.say("口令：", "passphrase: "))
		if err != nil {
			return nil, err
		}
		return vault.Passphrase(pass, 0)
	}
}

func (a *app) passphrase(prompt string) ([]byte, error) {
	if p := os.Getenv(passphraseVariable); p != "" {
		return []byte(p), nil
	}
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, kequn.Errorf(kequn.KindDamaged, "", "the workspace is sealed and no key was given").
			WithHint("set %s, or give --identity FILE", passphraseVariable)
	}
	fmt.Fprint(a.stderr, prompt)
	p, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(a.stderr)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return bytes.TrimSpace(p), nil
}

// readIdentity reads an age identity file. Others than its owner must not be able to read it.
func readIdentity(path string) (*vault.Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, kequn.Errorf(kequn.KindUsage, path, "the identity file cannot be read").WithHint("age-keygen -o FILE makes one")
	}
	if mode := info.Mode().Perm(); looseMode(mode) {
		return nil, kequn.Errorf(kequn.KindUsage, path, "the identity file can be read by others (mode %o)", mode).WithHint("chmod 600 %s", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, kequn.Errorf(kequn.KindUsage, path, "the identity file cannot be read")
	}
	return vault.Identities(text)
}

// looseMode tells whether a file mode lets others than the owner read. Windows has no such modes.
func looseMode(mode os.FileMode) bool { return runtime.GOOS != "windows" && mode&0o077 != 0 }
