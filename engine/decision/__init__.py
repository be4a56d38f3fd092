"""Facts and a rule set become a proposal, a proposal and an admission a decision. Pure."""
