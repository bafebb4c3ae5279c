#!/usr/bin/env bash
# netcost check with annotations and a job summary, and the summary as one comment that is updated in its place.
set -euo pipefail

marker="<!-- netcost check -->"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
body="$folder/comment.md"

options=(--format github)
[[ -z ${NETCOST_BASE:-} ]] || options+=("--base=$NETCOST_BASE")
[[ -z ${NETCOST_CONFIG:-} ]] || options+=("--config=$NETCOST_CONFIG")
[[ ${NETCOST_EXACT:-} != true ]] || options+=(--exact)
[[ ${NETCOST_LATENCY:-} != true ]] || options+=(--latency)
models=()
while IFS= read -r model; do
    [[ -z $model ]] || models+=("$model")
done <<<"${NETCOST_MODELS:-}"

# What netcost adds to the job's summary is the comment's body too, so that nothing is counted twice.
code=0
GITHUB_STEP_SUMMARY="$body" netcost check "${options[@]}" -- ${models[@]+"${models[@]}"} || code=$?
if [[ ! -s $body ]]; then
    printf '%s\n### ❌ netcost check: nothing was checked\n\n**netcost ended with exit code %s; see the log of the job**\n' \
        "$marker" "$code" >"$body"
    echo "::error title=netcost check::netcost ended with exit code $code before it could report"
    [[ $code != 0 ]] || code=70 # whatever ended it, nothing was checked
fi
if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then
    cat "$body" >>"$GITHUB_STEP_SUMMARY"
fi

comments="repos/${GITHUB_REPOSITORY:-}/issues/${NETCOST_PULL_REQUEST:-}/comments"

# The number of the comment that an earlier run wrote: a bot's, so that no one's own words are written over.
earlier_comment() {
    gh api --paginate "$comments" \
        --jq ".[] | select(.user.type == \"Bot\" and (.body | startswith(\"$marker\"))) | .id" | head -n 1
}

# A first comment only where there is something to say; an earlier one is always brought up to date.
comment() {
    local earlier
    earlier=$(earlier_comment) || return 1
    if [[ -n $earlier ]]; then
        gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$earlier" -F "body=@$body" --silent
    elif grep -q '^\*\*' "$body"; then
        gh api --method POST "$comments" -F "body=@$body" --silent
    fi
}

if [[ ${NETCOST_COMMENT:-} == true && -n ${NETCOST_PULL_REQUEST:-} ]]; then
    comment || echo "::warning title=netcost check::the comment could not be written; give the job pull-requests: write"
fi
exit "$code"
