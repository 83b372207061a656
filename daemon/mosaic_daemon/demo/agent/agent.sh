#!/bin/sh
# Stands in for a coding agent: it gets its task as `claude -p` would (environment, prompt file, working directory),
# makes the change that is prepared for the finding, runs the project's check, commits, and ends with the result as JSON.
set -eu
changes=$(dirname "$0")
description=$(sed -n 's/^\*\*Description:\*\* //p' "$MOSAIC_PROMPT_FILE" | head -n 1)
finding=${description%%:*}
change=$changes/$finding.patch

# An agent gets it wrong now and then, and learns from the error that the next prompt carries.
if [ -f "$changes/$finding.first.patch" ] && ! grep -q '^## The previous attempt failed' "$MOSAIC_PROMPT_FILE"; then
    change=$changes/$finding.first.patch
fi

report() {
    printf '{"task_id": "%s", "status": "%s", "used": "%s", "commit_sha": "%s", "notes": "%s"}\n' \
        "$MOSAIC_TASK_ID" "$1" "$used" "$(git rev-parse HEAD)" "$2"
    exit 0
}

used=1.2K
subject="all checks pass"
if [ -f "$change" ]; then
    subject=$(sed -n 's/^Subject: //p' "$change")
    used=$(sed -n 's/^Used: //p' "$change")
    echo "working on $subject"
    git apply --index "$change"
fi
sleep 0.5 # an agent would think here; long enough to see two of them at work

if ! said=$(python3 -m unittest 2>&1); then
    echo "$said"
    report failed "the check fails: $(echo "$said" | sed -n 's/^FAIL: //p' | tr '\n' ' ')"
fi
case $description in
"Bring the documentation "*)
    subject="docs: what a phase has changed"
    mkdir -p docs/changes
    echo "- $description" >>"docs/changes/$MOSAIC_TASK_ID.md"
    git add docs/changes
    ;;
esac
if ! git diff --cached --quiet; then
    git commit --quiet --message "$subject"
fi
report success "$subject"
