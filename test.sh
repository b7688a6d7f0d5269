#!/usr/bin/env bash
#
# The one test command of this repository. It needs Go and git; as root on
# Debian it installs the rest by itself. Runs with bash 3.2 too (macOS).

set -u -o pipefail
cd "$(dirname "$0")" || exit 1
exec </dev/null

help() {
	cat <<'END'
Usage: ./test.sh [part ...]

Without arguments everything is checked: set-up, format, vet, lint, other
platforms, modules, tests with the race detector, conformance, a short run of
each fuzz target, one round of each benchmark. The first failure stops the run,
shows the command that failed and what it printed, and the exit status is not
zero.

Parts, in the order in which they run:
  setup      install what the tests need: a C compiler, Chromium, Node.js, curl,
             Python's websockets and, on Linux, qemu-user (as root, with apt-get),
             the npm packages of server/e2e, the linter
  format     gofmt
  vet        go vet, in each module
  lint       golangci-lint, pinned in tools/go.mod, in each module
  platforms  build and vet for Windows, vet for macOS, js/wasm and 386, vet and
             tests of the assembly for arm64
  modules    go mod verify and tidy; the library builds without the workspace
  test       go test -race -shuffle=on, in each module; what is assembly without
             it too, with the tag purego; what lends slices without it, with the
             tag poison
  conformance  the whole conformance suite against our server and client, without
             the race detector, which lets the tests leave out what takes long
  fuzz       each fuzz target for FUZZTIME (3s), found by its name
  bench      each benchmark once, to see that it runs
  quick      format, vet and test; installs nothing, so the end-to-end tests
             leave out what is not on the machine, and it says what that is

Environment:
  FUZZTIME   how long each fuzz target runs, as for go test -fuzztime
END
}

#
# Running steps
#

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
passed=0

# step TITLE FUNCTION [ARG ...] runs the function and prints one line about it.
# Everything it prints goes to a log, shown when the step fails.
step() {
	local title=$1 start=$SECONDS rc
	shift
	: >"$tmp/command"
	[ -t 1 ] && printf '...        %s\r' "$title"
	(
		set -e
		"$@"
	) >"$tmp/log" 2>&1
	rc=$?
	if [ "$rc" -ne 0 ]; then
		printf 'FAIL %3d s  %s\n' $((SECONDS - start)) "$title"
		[ -s "$tmp/command" ] && printf 'the command that failed: %s\n' "$(cat "$tmp/command")"
		cat "$tmp/log"
		printf 'steps: %d passed, 1 failed\n' "$passed"
		exit 1
	fi
	passed=$((passed + 1))
	printf 'ok   %3d s  %s\n' $((SECONDS - start)) "$title"
}

# step_shown does the same and shows what the step printed even if it is well.
step_shown() {
	step "$@"
	cat "$tmp/log"
}

# run COMMAND [ARG ...] runs a command and remembers it for the report.
run() {
	local word line=
	for word in "$@"; do
		case $word in
		'' | *[!A-Za-z0-9_./:=,@+-]*) word="'$word'" ;;
		esac
		line+="$word "
	done
	[ "$PWD" = "$root" ] || line="cd ${PWD#"$root"/} && $line"
	printf '%s' "$line" >"$tmp/command"
	"$@"
}

# each_module COMMAND [ARG ...] runs a command in the folder of each module of
# the workspace.
each_module() {
	local dir
	for dir in $modules; do
		cd "$root/$dir"
		run "$@"
	done
	cd "$root"
}

have() { command -v "$1" >/dev/null 2>&1; }

# sources [NAME-PATTERN] prints the paths of the Go files that people wrote.
sources() {
	find . \( -name node_modules -o -name '.?*' -o -name testdata \) -prune -o -type f -name "${1:-*.go}" -print
}

#
# Set-up
#

# missing prints the Debian packages that the tests need and this machine lacks.
missing() {
	have cc || have gcc || echo gcc libc6-dev # the race detector links with cgo
	have chromium || have chromium-browser || have google-chrome || echo chromium
	have node || echo nodejs
	have curl || echo curl
	# Not the python3 of the PATH: a version manager's would not see Debian's packages.
	/usr/bin/python3 -c 'import websockets' 2>/dev/null || echo python3-websockets
	[ "$(uname -s)" != Linux ] || [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
	[ "$(uname -s)" != Linux ] || [ "$(go env GOHOSTARCH)" = arm64 ] || have qemu-aarch64 || echo qemu-user
	have npm || echo npm # the last: see install
}

# apt_get runs apt-get without questions, and waits if another one is at work.
apt_get() {
	DEBIAN_FRONTEND=noninteractive run apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# install PACKAGES installs them, but npm only if nodejs did not bring it along:
# some builds do, and conflict with Debian's.
install() {
	apt_get update
	# shellcheck disable=SC2086 # a list of packages
	apt_get install --no-install-recommends ${1/%npm/}
	have npm || apt_get install --no-install-recommends npm
}

npm_ci() {
	local sum
	cd server/e2e
	sum="$(cksum package.json package-lock.json .npmrc) node $(node --version)"
	if [ "$sum" != "$(cat node_modules/.installed 2>/dev/null)" ]; then
		run npm ci
		printf '%s\n' "$sum" >node_modules/.installed
	fi
}

# linter prints where the linter stands: one file for each version of it and of
# Go, as it cannot read code for a newer Go than it was built with.
linter() {
	local version
	version=$(cd tools && GOWORK=off go list -m -f '{{.Version}}' github.com/golangci/golangci-lint/v2) || return
	echo "$root/.cache/bin/golangci-lint-$version-$(go env GOVERSION)"
}

build_linter() {
	local bin
	bin=$(linter)
	[ -x "$bin" ] && return
	cd tools
	GOWORK=off run go build -ldflags '-s -w' -o "$bin" github.com/golangci/golangci-lint/v2/cmd/golangci-lint
}

setup() {
	local packages
	packages=$(missing | paste -s -d ' ' -)
	if [ -n "$packages" ]; then
		if [ "$(id -u)" -ne 0 ] || ! have apt-get; then
			echo "test.sh: please install what is missing, as root on Debian: apt-get install --no-install-recommends $packages" >&2
			exit 1
		fi
		step "install $packages" install "$packages"
		hash -r
	fi
	step 'npm packages of server/e2e' npm_ci
	step 'golangci-lint is built' build_linter
}

#
# Checks
#

check_format() {
	local badly
	badly=$(sources | run xargs gofmt -l)
	[ -z "$badly" ] && return
	printf 'not formatted, run gofmt -w on:\n%s\n' "$badly"
	return 1
}

format() { step 'gofmt' check_format; }

vet() { step 'go vet' each_module go vet ./...; }

lint() {
	[ -x "$(linter)" ] || step 'golangci-lint is built' build_linter
	step 'golangci-lint' each_module "$(linter)" run --allow-parallel-runners ./...
}

platforms() {
	step 'Windows: go build' each_module env GOOS=windows go build ./...
	step 'Windows: go vet' each_module env GOOS=windows go vet ./...
	step 'macOS: go vet' each_module env GOOS=darwin go vet ./...
	if [ -d websocket/browser ]; then
		step 'js/wasm: go vet' run env GOOS=js GOARCH=wasm go vet ./websocket/browser/
	fi
	# The epoll driver is left out there.
	step '386: go vet' run env GOARCH=386 CGO_ENABLED=0 go vet ./websocket/event
	step 'arm64: go vet' run env GOARCH=arm64 go vet ./websocket/frame
	if have qemu-aarch64; then
		step 'arm64: go test' run env CGO_ENABLED=0 GOARCH=arm64 go test -exec qemu-aarch64 ./websocket/frame
	elif [ "$(go env GOHOSTARCH)" != arm64 ]; then # where all tests are for arm64
		echo 'not installed, so the assembly for arm64 is not tested: qemu-user'
	fi
}

modules() {
	step 'go mod verify' each_module go mod verify
	step 'go mod tidy' each_module go mod tidy -diff
	# As whoever imports it sees it: go.work is not there.
	step 'the library on its own' run env GOWORK=off go build ./...
}

tests() {
	local dir plain
	for dir in $modules; do
		step_shown "go test -race, $(title "$dir")" in_folder "$dir" go test -race -shuffle=on -timeout 10m ./...
	done
	# Tests that count allocations are left out under the race detector, which
	# allocates by itself. They run here, without it. TestPublishedSuite has a part
	# of its own. With the tag poison slices that were lent and are still in use show
	# themselves.
	plain=$(sources '*_test.go' | xargs grep -lE '^//go:build .*!race' | sed 's|/[^/]*$||' | sort -u)
	for dir in $plain; do
		step_shown "go test without -race, $(title "$dir")" in_folder "$dir" go test -tags poison -shuffle=on -skip '^TestPublishedSuite$' -timeout 10m .
	done
	# The code for machines without the assembly.
	step_shown 'go test -tags purego' run go test -tags purego ./websocket/frame ./websocket/proto
}

conformance() { step_shown 'conformance of our server and client' check_conformance; }

check_conformance() {
	local log=$tmp/conformance
	if ! run go test -count=1 -v -run '^TestPublishedSuite$' ./websocket ./websocket/event >"$log" 2>&1; then
		cat "$log"
		return 1
	fi
	sed -n 's/^.*_test.go:[0-9]*: \(.* tests, .*\)$/     \1/p' "$log"
}

# title DIR names a folder in a heading.
title() { [ "$1" = . ] && echo 'the library' || echo "${1#./}"; }

# in_folder DIR COMMAND [ARG ...] runs a command there.
in_folder() {
	cd "$1"
	shift
	run "$@"
}

fuzz() {
	sources '*_test.go' | sort | xargs grep -HEo '^func Fuzz[A-Za-z0-9_]*' >"$tmp/targets"
	step "fuzz, $(grep -c . "$tmp/targets") targets" fuzz_all
}

# fuzz_all builds the tests of each package once, and runs the targets in two lanes, as
# one does not keep two processors busy.
fuzz_all() {
	local lane pid pids='' rc=0
	mkdir "$tmp/fuzz"
	sed 's|/[^/]*$||' "$tmp/targets" | sort -u | tr '\n' '\0' | xargs -0 -n 1 -P 2 bash -c '
		cd "$2" && go test -c -fuzz . -o "$1/${2//\//_}" .
	' bash "$tmp/fuzz"
	for lane in 0 1; do
		fuzz_lane "$lane" &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || rc=1
	done
	return "$rc"
}

fuzz_lane() {
	local file dir name lane=$1
	awk "NR % 2 == $lane" "$tmp/targets" | while IFS=: read -r file name; do
		dir=$(dirname "$file")
		name=${name#func }
		fuzz_one "$dir" "$name" "$tmp/fuzz.$lane" && continue
		echo "cd $dir && go test -run '^$' -fuzz '^$name\$':"
		cat "$tmp/fuzz.$lane"
		exit 1
	done
}

fuzz_one() {
	cd "$root/$1"
	attempt "$1" "$2" >"$3" 2>&1 && return
	# Go before 1.27 may report its own deadline as a failure (go.dev/issue/75804).
	# A real failure says more than that, so only this one is tried again.
	grep -q '^ *context deadline exceeded$' "$3" || return 1
	grep -q -e 'Failing input' -e '_test.go:' -e '^panic:' "$3" && return 1
	attempt "$1" "$2" >"$3" 2>&1
}

# attempt DIR NAME does what go test -fuzz would, which links the tests anew each time.
attempt() {
	"$tmp/fuzz/${1//\//_}" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "${FUZZTIME:-3s}" -test.fuzzminimizetime 5x \
		-test.parallel 1 -test.fuzzcachedir "$(go env GOCACHE)/fuzz/$1"
}

bench() { step 'each benchmark once' each_module go test -run '^$' -bench . -benchtime 1x ./...; }

all() {
	# With everything installed, an end-to-end test that finds nothing to test
	# with is a failure. The tests take CI for the sign of that.
	setup
	export CI=true
	format
	vet
	lint
	platforms
	modules
	tests
	conformance
	fuzz
	bench
}

quick() {
	local packages
	packages=$(missing | paste -s -d ' ' -)
	[ -z "$packages" ] || echo "not installed, so what needs it is not tested: $packages"
	[ -d server/e2e/node_modules ] || echo "not installed, so what needs it is not tested: npm packages of server/e2e"
	format
	vet
	tests
}

#
# Main
#

root=$PWD
for part in "$@"; do
	case $part in
	-h | --help | help) help && exit ;;
	setup | format | vet | lint | platforms | modules | test | conformance | fuzz | bench | quick | all) ;;
	*) echo "test.sh: there is no part $part; see ./test.sh --help" >&2 && exit 2 ;;
	esac
done
if ! have go; then
	echo 'test.sh: Go is not on the PATH; install Go 1.26 or later from https://go.dev/dl/' >&2
	exit 1
fi
go version >/dev/null || exit 1 # says so if it is too old
modules=$(go list -m -f '{{.Dir}}' | sed -e "s|^$root|.|") || exit 1
[ $# -gt 0 ] || set -- all
for part in "$@"; do
	case $part in
	test) tests ;;
	*) "$part" ;;
	esac
done
printf 'steps: %d passed, 0 failed\n' "$passed"
printf 'all is well after %d s, with %s\n' "$SECONDS" "$(go env GOVERSION)"
