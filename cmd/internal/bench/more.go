package main

import "context"

func latency(ctx context.Context, o *options, r *report) error { return nil }
func memory(ctx context.Context, o *options, r *report) error  { return nil }
func starts(ctx context.Context, o *options, r *report) error  { return nil }
func pages(ctx context.Context, o *options, r *report) error   { return nil }
func storm(ctx context.Context, o *options, r *report) error   { return nil }
