#!/bin/sh
# Makes the folder of a new review report, with an empty file for each part: review-report-scaffold.sh [NAME]
set -eu

name=${1:-codebase-review}
case $name in
  -* | */* | . | ..) echo "usage: $0 [NAME], a plain folder name" >&2; exit 2 ;;
esac
folder=docs/reports/$name
if [ -e "$folder" ]; then
  echo "$folder is there already; choose another name" >&2
  exit 1
fi
mkdir -p "$folder"

cat > "$folder/00-executive-summary.md" <<EOF
# Executive summary: $name

| Severity | Findings |
|---|---|
| Critical | 0 |
| High | 0 |
| Medium | 0 |
| Low | 0 |
EOF

part() {
  cat > "$folder/$1" <<EOF
# $2

<!-- One section for each finding:

### $3-001: Brief description

- **Severity:** Critical | High | Medium | Low
- **File:** path/to/file.ts:45-67

What is wrong, why it matters, how it can be mended.
-->
EOF
}

part 01-security-review.md "Security review" SEC
part 02-code-quality-review.md "Code quality review" CQ
part 03-qa-test-coverage.md "Test coverage" TEST
echo "$folder"
