#!/bin/sh
# Exports a checkpoint of the audit trail into a folder. A copy on this machine proves nothing against who owns it:
# /etc/medrec/checkpoint-copy, where it can be executed, gets the file's name and takes it to another host.
# usage: checkpoint.sh DATABASE FOLDER
set -eu
umask 077
file=$2/$(date -u +%Y%m%dT%H%M%SZ)
psql -X -A -t -q -v ON_ERROR_STOP=1 -d "$1" -c 'SELECT medrec.audit_checkpoint()' >"$file.new"
mv "$file.new" "$file"
ln -sfn "${file##*/}" "$2/last"
if [ -x "${MEDREC_CHECKPOINT_COPY:-/etc/medrec/checkpoint-copy}" ]; then "${MEDREC_CHECKPOINT_COPY:-/etc/medrec/checkpoint-copy}" "$file"; fi
