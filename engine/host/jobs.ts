/** How many runs of a model may think at once beside a window, if there is memory for them. */
export const JOBS = 4
