"""Truths of points: forecasts at stations, corrected for height; checks of observations; weights; scores of each."""
