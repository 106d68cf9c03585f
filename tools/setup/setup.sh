# SPDX-License-Identifier: Apache-2.0
# Sourced by ./quickstart, ./test and .ci/run: what this machine must be and must have.

# The system's own compilers and interpreters, whatever else is on the caller's PATH.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C.UTF-8

packages_to_link="libp11-kit-dev libsodium-dev nettle-dev libgmp-dev libmbedtls-dev libtss2-dev nlohmann-json3-dev
  libcurl4-openssl-dev libcli11-dev libcpp-httplib-dev libssl-dev libsqlite3-dev"
packages_to_link_tests="libgtest-dev libgmock-dev libseccomp-dev"
packages_to_build="g++ cmake ninja-build pkg-config $packages_to_link"
# libcurl itself comes with its -dev package, under the name that the release has for it.
packages_to_run="softhsm2 openssl ca-certificates curl"
packages_to_run_tpm="swtpm swtpm-tools"
packages_to_test="swtpm swtpm-tools tpm2-tools tpm2-openssl libtpm2-pkcs11-1 p11-kit p11-kit-modules libnss3 libnss3-tools
  $packages_to_link_tests libbenchmark-dev strace clang-format git python3 nodejs systemd groff-base zsh fish rustc"
packages_to_bench="libtpm2-pkcs11-1 opensc tpm2-openssl tpm2-tools libssl-dev libgnutls28-dev libengine-pkcs11-openssl valgrind python3"
packages_to_package="doxygen dpkg-dev git python3 rpm xz-utils"
packages_to_coverage="gcovr"
packages_to_make_systems="mmdebstrap debian-archive-keyring git"
packages_to_analyse="cppcheck"
packages_to_secrets="valgrind"
# opencryptoki brings a daemon that a machine with systemd starts.
packages_to_test_all="golang-go opencryptoki clang clang-tidy libclang-rt-14-dev $packages_to_package abigail-tools cpio lintian
  node-spdx-expression-parse python3-jsonschema"

say() { printf '%s\n' "$*"; }
fail() {
  printf 'holdfast: error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'holdfast: hint: %s\n' "$2" >&2
  exit 1
}

# Wrong use of a script, as the tool's: exit code 2.
fail_use() {
  (fail "$@") || exit 2
}

# one_at_a_time FOLDER: makes it; nobody else runs a script in it until this one ends. A script takes the folder that it
# builds in; ./test and tests/secrets/run, which share build/release, take build.
one_at_a_time() {
  { mkdir -p "$1" && true >>"$1/lock"; } 2>/dev/null ||
    fail "cannot write $1" "another user may have made it: remove it, or work in a checkout of your own"
  exec 9>>"$1/lock"
  flock -n 9 || fail "another run is under way in $1" "wait for its end, or work in another checkout"
}

# usage SCRIPT ARGUMENTS: how it is called, and what its head says of it, for --help.
usage() {
  say "usage: $1 $2"
  sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$1"
}

# is_count WORD: a number from 1 on.
is_count() {
  case $1 in
    '' | *[!0-9]* | 0*) return 1 ;;
  esac
}

# begin_log NAME: the log of a step, empty. Another user's would be shown as this run's.
begin_log() {
  { true >"$log_folder/$1.log"; } 2>/dev/null ||
    fail "cannot write $log_folder/$1.log" "another user may have made it: remove it, or work in a checkout of your own"
}

# require_debian VERSION…: refuses, by name, a system that a script was not made for. What builds and runs is for 12 and 13
# (tests/next-release); what makes packages, measures, or goes by the version of one of 12's tools is for 12.
require_debian() {
  name=unknown id='' version=''
  if [ -r /etc/os-release ]; then
    name=$(. /etc/os-release && printf '%s' "${PRETTY_NAME:-unknown}")
    id=$(. /etc/os-release && printf '%s' "${ID:-}")
    version=$(. /etc/os-release && printf '%s' "${VERSION_ID:-}")
  fi
  for supported in "$@"; do
    [ "$id" = debian ] && [ "$version" = "$supported" ] && return 0
  done
  fail "this script is for Debian $(printf '%s' "$*" | sed 's/ / and /'); this machine runs $name" \
    "on another system install the packages that tools/setup/setup.sh names, then use the CMake presets"
}

# Where this machine's apt takes its own release from.
debian_mirror() {
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $codename" 'Component: main' | head -n 1)
  [ -n "$mirror" ] || fail "apt on this machine has no mirror of its own release" "apt's sources name none for $codename main"
  printf '%s' "$mirror"
}

# has_suite MIRROR SUITE
has_suite() {
  release=$(mktemp)
  has=0
  /usr/lib/apt/apt-helper download-file "${1%/}/dists/$2/InRelease" "$release" >/dev/null 2>&1 || has=1
  rm -f "$release"
  return $has
}

# How this machine's apt reaches a mirror, for the apt of another system: proxies, and what it does not check.
apt_settings() { apt-config dump | grep -E '^Acquire::(https?|Check-[A-Za-z-]+|Retries)\b' || true; }

# run_apt ARGUMENT…: apt-get as root. Another one at work, as a new machine's own updates are, is waited for: apt would wait for
# some of its locks, and for others not.
run_apt() {
  waits=0
  begin_log packages
  until $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >"$log_folder/packages.log" 2>&1; do
    if grep -q '^E: Could not get lock' "$log_folder/packages.log" && [ "$waits" -lt 120 ]; then
      [ "$waits" -gt 0 ] || say "Waiting for another installation of packages to end, ten minutes at most"
      waits=$((waits + 1))
      sleep 5
    else
      tail -n 20 "$log_folder/packages.log" >&2
      fail "the packages could not be installed" "see $log_folder/packages.log; is a Debian mirror reachable?"
    fi
  done
}

# Installs those of the packages given that are missing, and names them.
install_packages() {
  missing=''
  for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  say "Installing Debian packages:$missing"
  as_root=''
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 ||
      fail "packages are missing and this user cannot install them:$missing" "run as root: apt-get install$missing"
    as_root='sudo -n'
    $as_root true 2>/dev/null || as_root=sudo
  fi
  run_apt update
  # shellcheck disable=SC2086  # a list of words on purpose
  run_apt -y --no-install-recommends install $missing
}

# Whoever ends a script ends what it has under way: a build goes on working otherwise.
stage_pid=''
stop_stage() {
  [ -n "$stage_pid" ] || return 0
  # By its session: cmake, which does not hand a signal on, puts what it starts into groups of their own.
  for entry in /proc/[0-9]*/stat; do
    { read -r line <"$entry"; } 2>/dev/null || continue
    of=${line##*) }  # state, parent, group, session, ...
    of=${of#* * * }
    [ "${of%% *}" != "$stage_pid" ] || kill -TERM "${line%% *}" 2>/dev/null || true
  done
  wait "$stage_pid" 2>/dev/null || true
  [ ! -t 1 ] || printf '\033[K'
  printf 'holdfast: stopped in %s; run it again to go on\n' "$stage_name" >&2
}
trap 'stop_stage; exit 130' INT
trap 'stop_stage; exit 143' TERM HUP

# Cuts TEXT to one line of the terminal: one that wraps leaves rows behind when it is written over.
one_line() {
  size=$({ stty size </dev/tty; } 2>/dev/null) || size=''
  columns=${size#* }
  [ "${columns:-0}" -gt 1 ] || columns=80
  printf '%.*s' "$((columns - 1))" "$1"
}

# The step that a build or a test run shows in its log: "[12/340]", "12/340 Test".
counter_of() { tail -c 400 "$1" 2>/dev/null | tr '\r' '\n' | grep -oE '\[?[0-9]+/[0-9]+\]?' | tail -n 1 | tr -d '[]'; }

# stage NAME COMMAND…: runs a long step with its output in a log; shows the end of the log if it fails.
stage() {
  stage_name=$1
  shift
  stage_start=$(date +%s)
  begin_log "$stage_name"
  # A session of its own, which can be ended whole; what a shell makes its background jobs ignore is taken back. The lock of
  # one_at_a_time stays here: a daemon that a test leaves behind would hold it.
  setsid env --default-signal "$@" >"$log_folder/$stage_name.log" 2>&1 </dev/null 9>&- &
  stage_pid=$!
  # On a terminal a person sees that it works, and how far it is; the line is written over when it is done.
  while [ -t 1 ] && kill -0 "$stage_pid" 2>/dev/null; do
    printf '\033[K%s\r' "$(one_line "      $stage_name: under way $(counter_of "$log_folder/$stage_name.log"), see ${log_folder#"$PWD"/}/$stage_name.log")"
    sleep 1
  done
  stage_result=0
  wait "$stage_pid" || stage_result=$?
  stage_pid=''
  [ ! -t 1 ] || printf '\033[K'
  if [ "$stage_result" -eq 0 ]; then
    say "ok    $stage_name ($(($(date +%s) - stage_start)) s)"
  else
    printf 'FAILED %s: the end of %s:\n' "$stage_name" "$log_folder/$stage_name.log" >&2
    tail -n "${HOLDFAST_LOG_LINES:-80}" "$log_folder/$stage_name.log" >&2
    exit 1
  fi
}
