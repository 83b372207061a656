"""One repository on a forge: what all dialects have in common, over a real bare git repository."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable

from tests.forges.fakes.ci import Ci
from tests.forges.fakes.origin import GitError, Origin
from tests.forges.fakes.state import Comment, Issue, Label, Milestone, Pull, Release, State, now

_STRAY = {"nobody-asked-for-this.txt": "wrong\n"}
_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? #(\d+)", re.IGNORECASE)


class Core:
    """State and git of one repository; `lock` is held around every operation.

    Attributes:
        url: where the server listens, for links in answers.
        user: the login of whoever owns the token.
    """

    user = "mosaic-bot"

    def __init__(self, state: State, origin: Origin) -> None:
        self.state = state
        self.origin = origin
        self.ci = Ci(state)
        self.lock = threading.RLock()
        self.url = ""

    # pull requests

    def create_pull(self, head: str, base: str, title: str, body: str, *, draft: bool = False) -> Pull:
        number = self.state.new_number("pull")
        pull = Pull(number, self.state.new_id(), title, body, head=head, base=base, draft=draft)
        self.state.pulls.append(pull)
        self.refresh(pull)
        return pull

    def pull(self, number: str | int) -> Pull | None:
        found = next((p for p in self.state.pulls if str(p.number) == str(number)), None)
        if found:
            self.refresh(found)
        return found

    def pulls(self) -> list[Pull]:
        """All, newest first."""
        for pull in self.state.pulls:
            self.refresh(pull)
        return sorted(self.state.pulls, key=lambda p: p.number, reverse=True)

    def open_pull(self, head: str, base: str) -> Pull | None:
        return next((p for p in self.pulls() if (p.state, p.head, p.base) == ("open", head, base)), None)

    def refresh(self, pull: Pull) -> None:
        """An open pull request follows its branches; a move of either makes its mergeability unknown."""
        if pull.state != "open":
            return
        pull.head_sha = self.origin.branch(pull.head) or pull.head_sha
        pull.base_sha = self.origin.branch(pull.base) or pull.base_sha
        if pull.judged != (pull.head_sha, pull.base_sha):
            pull.judged = (pull.head_sha, pull.base_sha)
            if pull.unknown >= 0:
                pull.unknown = self.state.settings.mergeable_after

    def mergeable(self, pull: Pull) -> bool | None:
        """Whether it merges. None for the first askers, and when it is stuck."""
        self.refresh(pull)
        if pull.unknown:
            pull.unknown -= pull.unknown > 0
            return None
        return self.tree(pull) is not None

    def tree(self, pull: Pull) -> str | None:
        return self.origin.merged_tree(pull.base_sha, pull.head_sha)

    def missing_checks(self, pull: Pull) -> list[str]:
        return self.ci.missing(pull.head_sha, self.state.settings.required_contexts)

    def touch(self, thing: Issue) -> None:
        thing.updated_at = now()

    def close(self, thing: Issue) -> None:
        if thing.state == "open":
            thing.state, thing.closed_at = "closed", now()
            self.touch(thing)

    def reopen(self, thing: Issue) -> None:
        thing.state, thing.closed_at = "open", None
        self.touch(thing)

    # merging

    def squash(self, pull: Pull, message: str, *, wrong_tree: bool = False) -> str | None:
        """The squash commit on top of the base branch, which moves to it; None on conflict."""
        base = self.origin.branch(pull.base)
        tree = self.origin.merged_tree(base, pull.head_sha) if base else None
        if base is None or tree is None:
            return None
        if wrong_tree:
            tree = self.origin.tree_with(tree, _STRAY)
        commit = self.origin.make_commit(tree, (base,), message)
        self.origin.move(pull.base, commit, base)
        pull.squash_sha = pull.merge_sha = commit
        return commit

    def merge_commit(
        self, pull: Pull, squash_message: str | None, message: str, *, wrong_tree: bool = False
    ) -> str | None:
        """GitLab's two commits: a squash beside the base branch (without a message: the head itself), and a merge."""
        base = self.origin.branch(pull.base)
        start = base and self.origin.merge_base(base, pull.head_sha)
        tree = self.origin.merged_tree(base, pull.head_sha) if base else None
        if not base or not start or tree is None:
            return None
        if wrong_tree:
            tree = self.origin.tree_with(tree, _STRAY)
        head = pull.head_sha
        if squash_message is not None:
            head = pull.squash_sha = self.origin.make_commit(self.origin.commit(head).tree, (start,), squash_message)
        pull.merge_sha = self.origin.make_commit(tree, (base, head), message)
        self.origin.move(pull.base, pull.merge_sha, base)
        return pull.merge_sha

    def mark_merged(self, pull: Pull, message: str = "") -> None:
        """Merged. Issues that the message or the body names after a closing word are closed at once."""
        if pull.merged_at is None:
            pull.state, pull.merged_at = "closed", now()
            pull.closed_at = pull.updated_at = pull.merged_at
            for number in _CLOSES.findall(f"{pull.body}\n{message}"):
                issue = self.issue(number)
                if issue:
                    self.close(issue)

    # CI

    def poll(self, sha: str, operation: str) -> None:
        """A client asks for CI of a commit: planned checks may appear or end."""
        self.ci.poll(sha, operation, self.branch_of(sha))

    def branch_of(self, sha: str) -> str:
        """The branch whose CI a commit is: that of its pull request, or the base branch."""
        return next((p.head for p in self.state.pulls if p.head_sha == sha), "main")

    # issues

    def create_issue(self, title: str, body: str, labels: Iterable[str] = (), milestone: int | None = None) -> Issue:
        issue = Issue(self.state.new_number("issue"), self.state.new_id(), title, body, labels=list(labels))
        issue.milestone = milestone
        self.state.issues.append(issue)
        return issue

    def issue(self, number: str | int) -> Issue | None:
        return next((i for i in self.state.issues if str(i.number) == str(number)), None)

    def issue_or_pull(self, number: str | int) -> Issue | None:
        """For forges whose pull requests are issues."""
        return self.issue(number) or self.pull(number)

    def comment(self, thing: Issue, body: str) -> Comment:
        comment = Comment(self.state.new_id(), self.kind(thing), thing.number, body)
        self.state.comments.append(comment)
        self.touch(thing)
        return comment

    def comments(self, thing: Issue) -> list[Comment]:
        kind = self.kind(thing)
        return [c for c in self.state.comments if (c.on, c.number) == (kind, thing.number)]

    @staticmethod
    def kind(thing: Issue) -> str:
        return "pull" if isinstance(thing, Pull) else "issue"

    # labels, milestones, releases

    def label(self, name: str, color: str = "ededed", description: str = "") -> Label:
        """The label of that name, made when it does not exist."""
        found = next((x for x in self.state.labels if x.name.lower() == name.lower()), None)
        if found is None:
            found = Label(self.state.new_id(), name, color.lstrip("#"), description)
            self.state.labels.append(found)
        return found

    def labels(self, names: Iterable[str]) -> list[Label]:
        wanted = set(names)
        return [x for x in self.state.labels if x.name in wanted]

    def create_milestone(self, title: str, description: str = "") -> Milestone:
        made = Milestone(self.state.new_id(), self.state.new_number("milestone"), title, description)
        self.state.milestones.append(made)
        return made

    def milestone(self, ident: int | None) -> Milestone | None:
        return next((m for m in self.state.milestones if m.id == ident), None)

    def milestone_numbered(self, number: str | int | None) -> Milestone | None:
        return next((m for m in self.state.milestones if str(m.number) == str(number)), None)

    def set_milestone_state(self, milestone: Milestone, state: str) -> None:
        milestone.state, milestone.closed_at = state, now() if state == "closed" else None

    def create_release(self, tag: str, target: str, name: str, body: str, *, draft: bool = False) -> Release | None:
        """None where the target is no commit. The tag is made unless it is a draft."""
        existing = self.origin.sha(tag)
        sha = existing or self.origin.sha(target)
        if sha is None:
            return None
        if existing is None and not draft:
            try:
                self.origin.git("update-ref", f"refs/tags/{tag}", sha, "0" * 40)
            except GitError:
                return None
        release = Release(self.state.new_id(), tag, target, sha, name, body, draft)
        self.state.releases.append(release)
        return release

    def release(self, tag: str) -> Release | None:
        return next((r for r in self.state.releases if r.tag == tag and not r.draft), None)
