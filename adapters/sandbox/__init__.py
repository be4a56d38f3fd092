"""The simulated carrier: a provider that reaches nobody and behaves as providers do, well or badly, and repeatably.

`profile` says how it behaves, `fate` what that means for one call, `carrier` judges calls and writes them into its
`log`, `reporter` tells receipts, `adapter` puts them behind the contract of all adapters.
"""
