"""The controller's half of the module host_files: renders templates, and says which handlers are notified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

#: As ansible.builtin.template has them.
TEMPLATE_OPTIONS = {"trim_blocks": True, "lstrip_blocks": True, "newline_sequence": "\n"}


class ActionModule(ActionBase):
    """Renders the entries that have a template, then lets the module do the rest in one go."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Render, run the module, and hand its `notify` to the play."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        entries = arguments.get("files")
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise AnsibleActionFail("host_files: files must be a list of entries, each a mapping with a path")
        arguments["files"] = [
            self._rendered({key: value for key, value in entry.items() if key != "only_if"}, variables)
            for entry in entries
            if boolean(entry.get("only_if", True))
        ]
        try:
            result: dict[str, Any] = self._execute_module(
                module_name="host_files", module_args=arguments, task_vars=variables
            )
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        # What a task's own `notify` becomes, too; the play reads it of results that changed.
        result["_ansible_notify"] = result.get("notify", [])
        # The arguments hold whole files.
        result.pop("invocation", None)
        return result

    def _rendered(self, entry: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The entry with its template's text, or that of its file, as content."""
        name, file = entry.pop("template", None), entry.pop("source", None)
        extra = entry.pop("variables", None) or {}
        if [name, file, entry.get("content")].count(None) < 2:
            raise AnsibleActionFail(
                f"host_files: {entry.get('path')}: give one of template, source and content"
            )
        if file is not None:
            return {**entry, "content": self._loader.get_text_file_contents(file)}
        if name is None:
            return entry
        try:
            source = self._find_needle("templates", name)
            text = trust_as_template(self._loader.get_text_file_contents(source))
        except AnsibleError as error:
            raise AnsibleActionFail(f"host_files: {entry.get('path')}: {error}") from error
        paths = [
            *variables.get("ansible_search_path", []),
            self._loader.get_basedir(),
            str(Path(source).parent),
        ]
        templar = self._templar.copy_with_new_env(
            searchpath=[part for path in paths for part in (str(Path(path) / "templates"), path)],
            available_variables={**variables, **extra},
        )
        rendered = templar.template(text, escape_backslashes=False, overrides=TEMPLATE_OPTIONS)
        return {**entry, "content": "" if rendered is None else str(rendered)}
