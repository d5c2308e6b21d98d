"""Platform `aws`: the tiers of an environment on AWS, one component a file, through pulumi-aws."""
