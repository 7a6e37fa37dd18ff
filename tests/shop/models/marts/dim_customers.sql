select
    c.customer_id,
    c.full_name,
    c.email,
    c.country_code,
    k.country_name,
    k.region,
    min(o.ordered_at) as first_ordered_at,
    count(o.order_id) as order_count
from {{ ref('stg_customers') }} as c
left join {{ ref('stg_countries') }} as k using (country_code)
left join {{ ref('stg_orders') }} as o using (customer_id)
group by all
