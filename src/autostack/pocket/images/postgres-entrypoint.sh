#!/bin/sh
# The contract of the official postgres image, for the parts that a manifest can see: the POSTGRES_* variables
# and their _FILE forms, PGDATA, POSTGRES_INITDB_ARGS, /docker-entrypoint-initdb.d, and `postgres -c …` as arguments.
# The data directory becomes visible as initialised only by the last step, so a start that was cut short begins anew.
set -eu

fail() { echo "docker-entrypoint: $*" >&2; exit 1; }

from_file() { # VARIABLE [default]: VARIABLE, or the content of the file that VARIABLE_FILE names
    eval "plain=\${$1:-}; file=\${$1_FILE:-}"
    if [ -n "$plain" ] && [ -n "$file" ]; then fail "both $1 and $1_FILE are set; set one of them"; fi
    if [ -n "$file" ]; then plain=$(cat "$file") || fail "$1_FILE: $file can't be read"; fi
    value=${plain:-${2:-}}
    eval "$1=\$value"
    unset "$1_FILE"
}

initialise() {
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS
    : "${POSTGRES_HOST_AUTH_METHOD:=scram-sha-256}"
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
        fail "the database is not initialised and POSTGRES_PASSWORD is not set; set it (or POSTGRES_PASSWORD_FILE)"
    fi
    password=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
    [ -n "$POSTGRES_PASSWORD" ] && pwfile="--pwfile=$password" || pwfile=
    rm -rf "$fresh"
    # All of it is synced below, at once, before it becomes visible.
    # shellcheck disable=SC2086 # the arguments are a list of words by contract
    initdb --no-sync -D "$fresh" -U "$POSTGRES_USER" $pwfile --auth-local=trust --auth-host="$POSTGRES_HOST_AUTH_METHOD" \
        -E UTF8 --locale="${LC_ALL:-$LANG}" $POSTGRES_INITDB_ARGS
    rm -f "$password"
    printf '\nhost all all all %s\n' "$POSTGRES_HOST_AUTH_METHOD" >>"$fresh/pg_hba.conf"
    postgres -D "$fresh" -c listen_addresses= -c unix_socket_directories=/tmp -c fsync=off >/tmp/initialise.log 2>&1 &
    server=$!
    until pg_isready -q -h /tmp -U "$POSTGRES_USER" -d postgres; do
        kill -0 "$server" 2>/dev/null || { cat /tmp/initialise.log >&2; fail "the server ended while it was being set up"; }
        sleep 0.05
    done
    export PGHOST=/tmp PGUSER=$POSTGRES_USER
    if [ "$POSTGRES_DB" != postgres ]; then
        printf 'CREATE DATABASE :"name";\n' | psql -q -v ON_ERROR_STOP=1 -d postgres -v name="$POSTGRES_DB"
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
            *.sh) echo "running $file"; if [ -x "$file" ]; then POSTGRES_DB=$POSTGRES_DB POSTGRES_USER=$POSTGRES_USER "$file"; else
                # shellcheck disable=SC1090 # the user's own script
                . "$file"; fi ;;
            *.sql) echo "running $file"; psql -v ON_ERROR_STOP=1 --no-psqlrc -d "$POSTGRES_DB" -f "$file" ;;
            *.sql.gz) echo "running $file"; gunzip -c "$file" | psql -v ON_ERROR_STOP=1 --no-psqlrc -d "$POSTGRES_DB" ;;
            *) [ -e "$file" ] && echo "ignoring $file" ;;
        esac
    done
    unset PGHOST PGUSER
    kill -INT "$server"
    wait "$server" || fail "the server did not stop cleanly after set-up"
    sync -f "$fresh" 2>/dev/null || sync
    find "$fresh" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
    mv "$fresh/PG_VERSION" "$PGDATA/PG_VERSION"
    rmdir "$fresh"
}

case "${1:-postgres}" in -*) set -- postgres "$@" ;; esac
if [ "${1:-}" = postgres ]; then
    [ "$(id -u)" != 0 ] || fail "PostgreSQL refuses to run as root; leave runAsUser out or set it to 999"
    mkdir -p "$PGDATA" || fail "PGDATA $PGDATA can't be created; mount a volume at /var/lib/postgresql"
    chmod 0700 "$PGDATA" 2>/dev/null || true
    fresh=$PGDATA/.initialising
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
        initialise
    fi
    mkdir -p /var/run/postgresql 2>/dev/null || true
    [ -w /var/run/postgresql ] || set -- "$@" -c unix_socket_directories=/tmp
fi
exec "$@"
