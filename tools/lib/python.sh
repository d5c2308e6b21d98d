# uv, and the Python packages of the locks. Sourced by tools/setup.
# shellcheck shell=bash

UV_REQUIREMENTS=$FLASHTIER_TREE/tools/uv.txt

pinned_version() { sed -n "s/^$2==\([0-9.]*\).*/\1/p" "$1"; } # FILE PACKAGE

at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; } # VERSION MINIMUM

reachable_pypi() { reachable PyPI "${!1:-https://pypi.org/simple}" "$1" HTTPS_PROXY; } # VARIABLE of another index

find_uv() { # a uv at least as new as the pinned one: the user's, or the one setup has put into the cache
    local pinned candidate has
    pinned=$(pinned_version "$UV_REQUIREMENTS" uv)
    UV_HOME=$FLASHTIER_CACHE/uv/$pinned
    for candidate in "$(command -v uv)" "$UV_HOME/bin/uv"; do
        [ -x "$candidate" ] || continue
        read -r _ has _ < <("$candidate" --version 2>/dev/null) || continue
        if at_least "$has" "$pinned"; then
            UV=$(readlink -f "$candidate")
            # pyenv's stand-in takes a hundred processes to find the program, each time it is called.
            if [[ $UV == */shims/* ]]; then UV=$(pyenv which uv 2>/dev/null) || UV=$candidate; fi
            return 0
        fi
    done
    return 1
}

install_uv() {
    local work=$UV_HOME.tmp
    rm -rf "$work"
    python3 -m venv "$work"
    timeout --foreground -k 10 300 "$work/bin/pip" --disable-pip-version-check install --quiet --require-hashes -r "$UV_REQUIREMENTS"
    rm -rf "$UV_HOME"
    mv "$work" "$UV_HOME"
}

link_uv() { # at a path that is on PATH for what runs later: the app's wheels are collected with it
    install -d "$FLASHTIER_CACHE/bin"
    ln -sfn "$UV" "$FLASHTIER_CACHE/bin/uv"
}

# A killed uv leaves packages that it takes for complete and that lack most of their files (measured). The mark next to
# the environment exists while it works: a run that finds it installs all packages again.
UNFINISHED=.venv.unfinished

# The tree's own, the app's, Patroni's, and the policy pack's, whose SDK takes an older protobuf than the tree's.
PYTHON_PROJECTS=("$FLASHTIER_TREE" "$FLASHTIER_TREE/app" "$FLASHTIER_TREE/patroni" "$FLASHTIER_TREE/policy")

synced_python() { # whether all environments are what the locks say, to their last file
    local project
    for project in "${PYTHON_PROJECTS[@]}"; do
        [ ! -e "$project/$UNFINISHED" ] || return 1
        UV_PYTHON_DOWNLOADS=never timeout --foreground -k 10 60 \
            "$UV" sync --check --offline --quiet --frozen --project "$project" >/dev/null 2>&1 || return 1
    done
}

sync_python() { # exactly what the locks say, with the machine's own Python
    local project again
    for project in "${PYTHON_PROJECTS[@]}"; do
        again=()
        [ ! -e "$project/$UNFINISHED" ] || again=(--reinstall)
        : >"$project/$UNFINISHED"
        UV_PYTHON_DOWNLOADS=never UV_HTTP_TIMEOUT=20 timeout --foreground -k 10 600 \
            "$UV" sync --frozen --project "$project" "${again[@]}"
        rm "$project/$UNFINISHED"
    done
}
