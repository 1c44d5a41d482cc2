#!/bin/sh
# Make the secrets that docker-compose.yml reads, in deploy/secrets; those that exist stay as they are.
# The folder is the owner's alone. The files are readable to all, because each container has a user of its own and
# sees only the files that it is given.
set -eu

folder=$(dirname "$0")/secrets
mkdir -p "$folder"
chmod 700 "$folder"

keep() {
    [ -s "$folder/$1" ] && return
    printf '%s' "$2" > "$folder/$1"
    chmod 444 "$folder/$1"
    echo "made $folder/$1"
}

password() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

keep postgres_password "$(password)"
keep grafana_password "$(password)"
keep terrafusion_database_url \
    "postgresql+asyncpg://terrafusion:$(cat "$folder/postgres_password")@postgres/terrafusion"
