"""Reports: what was used and what it cost, by key, day and model; single calls; the movements of an account's money."""
