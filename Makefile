# make prints what can be made.
.PHONY: help check build test fuzz bench demo rooms cross fmt

export CGO_ENABLED = 0

help: ## print this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

check: fmt ## format, vet, static checks, tests, cross builds: what CI runs
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go test ./...
	$(MAKE) cross

fmt: ## fail if a file is not formatted
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "not formatted:"; echo "$$out"; exit 1; fi

build: ## the program, for this machine
	go build -trimpath -o kequn ./cmd/kequn

test: ## the tests
	go test ./...

cross: ## the program, for six kinds of machine
	@set -e; for os in linux darwin windows; do for arch in amd64 arm64; do \
		echo "build $$os/$$arch"; GOOS=$$os GOARCH=$$arch go build -o /dev/null ./cmd/kequn; done; done

fuzz: ## every fuzz target for FUZZTIME (default 30s)
	@set -e; for p in $$(grep -rl --include='*_test.go' 'func Fuzz' internal cmd | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -ho 'func Fuzz[A-Za-z0-9_]*' $$p/*_test.go | sed 's/func //'); do \
			echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-30s} ./$$p; done; done

bench: ## benchmarks beside the code; whole tasks against peers are in bench/
	go test -run '^$$' -bench . -benchmem ./...

demo: ## the made-up shop
	go run ./cmd/kequn demo shop

rooms: ## the map of the house
	@go list -f '{{.ImportPath}}: {{.Doc}}' ./...
