# Read by the scripts of the parts. A part goes into $cache/bin, which is first
# on the tests' PATH.
cache=${SLIPWAY_CACHE:-$(cd "$(dirname "$0")/../../.." && pwd)/.cache}
mkdir -p "$cache/bin"

have() {
    [ -x "$cache/bin/$1" ] || command -v "$1" >/dev/null
}

# left_out PART WHY ends the script: with an error where every part is required,
# else with one line that says what is missing.
left_out() {
    echo "$1 is left out: $2" >&2
    [ "${SLIPWAY_TEST_REQUIRE:-}" != 1 ] || exit 1
    exit 0
}

# need_apt PACKAGE: PACKAGE is in the package lists, which root may read anew.
need_apt() {
    command -v apt-get >/dev/null || left_out "$1" "it is taken from Debian's packages; install it by hand"
    if ! apt-cache show "$1" >/dev/null 2>&1; then
        [ "$(id -u)" = 0 ] || left_out "$1" "only root can read the package lists (apt-get update)"
        apt-get update -qq
    fi
}
