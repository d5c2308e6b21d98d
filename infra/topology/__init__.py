"""Pure: an environment -> hosts, volumes, placements, ports and flows. Both platforms build from it."""

from infra.topology.addresses import ADDRESS_BLOCKS as ADDRESS_BLOCKS
from infra.topology.components import COMPONENTS as COMPONENTS
from infra.topology.components import Component as Component
from infra.topology.components import port as port
from infra.topology.egress import EGRESS as EGRESS
from infra.topology.egress import REFUSED as REFUSED
from infra.topology.egress import Egress as Egress
from infra.topology.layout import build as build
from infra.topology.scraping import ScrapeJob as ScrapeJob
from infra.topology.scraping import scrape_jobs as scrape_jobs
from infra.topology.types import MOUNT_OPTIONS as MOUNT_OPTIONS
from infra.topology.types import Flow as Flow
from infra.topology.types import Host as Host
from infra.topology.types import HostVolume as HostVolume
from infra.topology.types import Placed as Placed
from infra.topology.types import Topology as Topology
from infra.topology.types import volume_uuid as volume_uuid
