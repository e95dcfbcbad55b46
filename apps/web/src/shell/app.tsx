import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { RoomPage } from "../room/room-page.tsx";
import { RoomSwitcher } from "../rooms/room-switcher.tsx";
import { useSession } from "../state/session.ts";
import "./app.css";
import { HomePage } from "./home-page.tsx";
import { NameDialog } from "./name-dialog.tsx";
import { PageFailure } from "./page-failure.tsx";
import { PageHeader } from "./page-header.tsx";
import { type Route, useRoute } from "./route.ts";
import { SideBar } from "./side-bar.tsx";
import { useIsNarrow } from "./use-is-narrow.ts";
import { useShortcut } from "./use-shortcut.ts";

const MetricsPage = lazy(async () => ({
  default: (await import("../metrics/metrics-page.tsx")).MetricsPage,
}));
const UploadPage = lazy(async () => ({
  default: (await import("../upload/upload-page.tsx")).UploadPage,
}));

type DialogName = "name" | "switcher";

/** The whole page. */
export function App(): ReactNode {
  const route = useRoute();
  const session = useSession();
  const isNarrow = useIsNarrow();
  const [isDrawerOpen, setIsDrawerOpen] = useState(false);
  const [dialog, setDialog] = useState<DialogName>();
  const closeDialog = () => setDialog(undefined);

  useShortcut("k", () => {
    // Not before there is a name: that is asked for first.
    if (session) {
      setDialog((open) => (open ? undefined : "switcher"));
    }
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever went somewhere wants to see it
  useEffect(() => setIsDrawerOpen(false), [location.hash]);
  useEffect(() => {
    if (isDrawerOpen) {
      const closeOnEscape = ({ key }: KeyboardEvent) => key === "Escape" && setIsDrawerOpen(false);
      addEventListener("keydown", closeOnEscape);
      return () => removeEventListener("keydown", closeOnEscape);
    }
    return undefined;
  }, [isDrawerOpen]);
  useEffect(() => {
    if (route.page !== "room") {
      document.title = { home: "Parley", metrics: "Metrics · Parley", upload: "Upload · Parley" }[
        route.page
      ];
    }
  }, [route.page]);

  return (
    <div className="app">
      <SideBar
        isHidden={isNarrow && !isDrawerOpen}
        isDrawer={isNarrow}
        onSwitcher={() => setDialog("switcher")}
        onName={() => setDialog("name")}
      />
      {isNarrow && isDrawerOpen && (
        <button
          type="button"
          className="app-backdrop"
          aria-label="Close the side bar"
          onClick={() => setIsDrawerOpen(false)}
        />
      )}
      <main className="app-main" inert={isNarrow && isDrawerOpen}>
        <PageFailure key={route.page}>
          <Suspense fallback={<PageHeader title={"\u00a0"} onMenu={() => setIsDrawerOpen(true)} />}>
            <Page route={route} onMenu={() => setIsDrawerOpen(true)} />
          </Suspense>
        </PageFailure>
      </main>
      {dialog === "switcher" && <RoomSwitcher onClose={closeDialog} />}
      {(dialog === "name" || !session) && (
        <NameDialog onClose={session ? closeDialog : undefined} />
      )}
    </div>
  );
}

function Page({ route, onMenu }: { route: Route; onMenu: () => void }): ReactNode {
  switch (route.page) {
    case "room":
      return <RoomPage key={route.room} room={route.room} onMenu={onMenu} />;
    case "metrics":
      return <MetricsPage onMenu={onMenu} />;
    case "upload":
      return <UploadPage onMenu={onMenu} />;
    case "home":
      return <HomePage onMenu={onMenu} />;
  }
}
