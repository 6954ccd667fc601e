#!/bin/sh
# The contract of the official image: a first argument that is an option or a subcommand is Traefik's own.
set -e
case "${1:-}" in
    -*) set -- traefik "$@" ;;
    traefik | '') ;;
    *) if traefik "$1" --help >/dev/null 2>&1; then set -- traefik "$@"; fi ;;
esac
exec "$@"
