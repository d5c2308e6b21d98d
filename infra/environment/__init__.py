"""What one may declare: `Environment.parse` turns `flashtier:environment` into checked, frozen values."""

from infra.environment.aws import Aws as Aws
from infra.environment.databases import Access as Access
from infra.environment.databases import Kind as Kind
from infra.environment.declaration import Environment as Environment
from infra.environment.durability import Archive as Archive
from infra.environment.durability import Durability as Durability
from infra.environment.rules import takes_over as takes_over
from infra.environment.sections import App as App
from infra.environment.sections import Platform as Platform
from infra.environment.sections import Tier as Tier
from infra.environment.sizes import Size as Size
from infra.environment.volumes import Purpose as Purpose
from infra.environment.volumes import Volume as Volume
from infra.environment.volumes import VolumeClass as VolumeClass
