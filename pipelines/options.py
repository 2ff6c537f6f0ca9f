"""Options that several commands have."""

import click

endpoint_option = click.option(
    "--endpoint",
    envvar="KFP_ENDPOINT",
    help="Pipeline server, such as http://localhost:8888.  [default: $KFP_ENDPOINT]",
)
namespace_option = click.option(
    "--kfp-namespace",
    envvar="KFP_NAMESPACE",
    help="Yours, where the server has several users.  [default: $KFP_NAMESPACE]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
