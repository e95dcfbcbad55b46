import { Component, type ReactNode } from "react";
import { EmptyState } from "../design/empty-state.tsx";

interface PageFailureState {
  readonly error?: unknown;
}

/** Stands in for a page that could not be loaded or shown; the rest goes on. */
export class PageFailure extends Component<{ readonly children: ReactNode }, PageFailureState> {
  override state: PageFailureState = {};

  static getDerivedStateFromError(error: unknown): PageFailureState {
    return { error };
  }

  override render(): ReactNode {
    if (this.state.error === undefined) {
      return this.props.children;
    }
    return (
      <EmptyState icon="alert" title="This page could not be shown">
        <p>It may have been replaced by a newer version.</p>
        <button type="button" className="button" onClick={() => location.reload()}>
          Load it again
        </button>
      </EmptyState>
    );
  }
}
