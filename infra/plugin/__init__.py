"""What the kit's provider plugins share: Pulumi's protocol, without a word about what they provide."""
