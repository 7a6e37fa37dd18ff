"""Which account, and which project: asked only where there are several."""

from contextlib import aclosing

from dbtcollate_tui.fixes import Step
from dbtcollate_tui.tui.screens.setup_steps.picking import ANY, PickPane
from dbtcollate_tui.tui.widgets.picker import PickerRow


class AccountPane(PickPane):
    """The accounts that the token sees."""

    step = Step.ACCOUNT
    question = "Which account?"
    noun = "account"
    reading = "Reading accounts"

    def scope(self) -> tuple[object, ...]:
        """The accounts themselves."""
        return tuple(row.account.id for row in self.setup.dbt_cloud.accounts)

    async def read(self) -> None:
        """They were read with the token."""
        rows = [
            PickerRow(
                str(row.account.id),
                row.account.name,
                (f"#{row.account.id}", row.region),
                details=(f"{row.account.name}  #{row.account.id}", f"on {row.base_url}"),
                words=f"{row.region} {row.base_url}",
            )
            for row in self.setup.dbt_cloud.accounts
        ]
        chosen = self.setup.draft.account_id
        self.picker.set_rows(rows, chosen=str(chosen) if chosen is not None else None)
        self.status.clear()

    async def take(self, row: PickerRow) -> None:
        """Take the account; its projects are counted before going on."""
        self.status.waiting("Reading projects")
        await self.setup.dbt_cloud.choose_account(int(row.id))
        await self.go_on()


class ProjectPane(PickPane):
    """The account's projects, and any of them."""

    step = Step.PROJECT
    question = "Which project?"
    answered_before = (Step.ACCOUNT,)
    noun = "project"
    reading = "Reading projects"

    def scope(self) -> tuple[object, ...]:
        """The account."""
        return (self.setup.draft.dbt_base_url, self.setup.draft.account_id)

    async def read(self) -> None:
        """Fill the list page by page."""
        draft = self.setup.draft
        chosen = ANY if draft.any_project else str(draft.project_id) if draft.project_id is not None else None
        async with aclosing(self.setup.dbt_cloud.iter_projects()) as lists:
            async for listed in lists:
                rows = [
                    PickerRow(
                        str(row.project.id),
                        row.project.name,
                        (f"#{row.project.id}",),
                        badge="address" if row.proposed else "",
                        details=(f"{row.project.name}  #{row.project.id}",),
                    )
                    for row in listed.rows
                ]
                rows.append(
                    PickerRow(
                        ANY,
                        "any project of this account",
                        details=("As an empty project filter in Collate's guide: jobs of every project.",),
                        dim=True,
                        words="all",
                        counted=False,
                    )
                )
                self.picker.set_rows(rows, chosen=chosen, loading="" if listed.complete else "reading more")
        self.status.clear()

    async def take(self, row: PickerRow) -> None:
        """Take the project."""
        self.setup.dbt_cloud.choose_project(None if row.id == ANY else int(row.id))
        await self.go_on()
